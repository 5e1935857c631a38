import type { TSchema } from 'typebox';
import { exact, orNull, Type } from '../json-schema.ts';

/** The members of a query that asks for one page of a list. */
export const paging = {
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  cursor: Type.Optional(Type.String({ maxLength: 500 })),
};

/** The query of a list that has no filters. */
export const pageQuery = Type.Object(paging, exact);

/** One page of a list, as `pageOf` makes it. */
export const pageBody = <Item extends TSchema>(item: Item) =>
  Type.Object({ items: Type.Array(item), next_cursor: orNull(Type.String()) });
