// Builders for the columns of the tables in code. For development alone: production never loads MikroORM.
import { p } from '@mikro-orm/core';

/** A UUID made by the program (version 7). */
export const uuid = () => p.uuid();
export const text = () => p.text();
/** A point in time, to the microsecond. */
export const instant = () => p.datetime(6).columnType('timestamptz');
export const bytes = () => p.blob().columnType('bytea');
export const json = () => p.json<unknown>().columnType('jsonb');
export const flag = () => p.boolean();
export const integer = () => p.integer();
export const bigint = () => p.bigint('number');
/** A PostgreSQL type that MikroORM has no builder for. */
export const raw = (type: string) => p.type(type).columnType(type);
/** Text from a fixed list, enforced by a CHECK named `<table>_<column>_check`. */
export const oneOf = <const T extends readonly string[]>(...items: T) => p.enum(items);

/** A foreign key `<table>_<column>_fkey`; its rows are deleted with the row that they reference. */
export const ofOwner = <T extends Parameters<typeof p.manyToOne>[0]>(table: T, column: string) =>
  p.manyToOne(table).joinColumn(column).deleteRule('cascade').updateRule('no action').index(false);
