import type { TNull, TOptional, TSchema, TUnion } from 'typebox';
import { orNull, Type } from '../json-schema.ts';

/** A member of a request that may be left out or `null`: many clients send `null` for what they do not have. */
export const optional = <Schema extends TSchema>(schema: Schema): TOptional<TUnion<[Schema, TNull]>> =>
  Type.Optional(orNull(schema));
