import type { TNull, TSchema, TUnion, Type as TypeBox } from 'typebox';

/** Makes the JSON Schema that TypeBox would, for what the routes use: loading TypeBox alone takes longer than loading Fastify. */
type Builder = Pick<
  typeof TypeBox,
  | 'Array'
  | 'Boolean'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
>;

type Schema = Readonly<Record<string, unknown>>;

const optional = new WeakSet<Schema>();

const simple =
  (type: string) =>
  (options?: Schema): Schema => ({ type, ...options });

// "This or null" as one type: for `anyOf` the serializer validates each answer to see which of the schemas it meets.
function nullable([schema, other, ...more]: readonly Schema[]): Schema | null {
  const simple = schema?.type === 'string' || schema?.type === 'integer' || schema?.type === 'boolean';
  if (!simple || other?.type !== 'null' || more.length > 0 || 'const' in schema) return null;
  return { ...schema, type: [schema.type, 'null'] };
}

/** Makes schemas (JSON Schema 2020-12) of what is accepted, with TypeBox's static types. */
export const Type = {
  String: simple('string'),
  Boolean: simple('boolean'),
  Integer: simple('integer'),
  Number: simple('number'),
  Null: simple('null'),
  Unknown: (options?: Schema) => ({ ...options }),
  Literal: (value: unknown, options?: Schema) => ({ type: typeof value, const: value, ...options }),
  Array: (items: Schema, options?: Schema) => ({ type: 'array', items, ...options }),
  Union: (anyOf: readonly Schema[], options?: Schema) => ({ ...(nullable(anyOf) ?? { anyOf }), ...options }),
  Record: (_key: Schema, value: Schema, options?: Schema) => ({
    type: 'object',
    patternProperties: { '^.*$': value },
    ...options,
  }),
  Object(properties: Readonly<Record<string, Schema>>, options?: Schema) {
    const required = Object.keys(properties).filter(name => !optional.has(properties[name] as Schema));
    return { type: 'object', ...(required.length > 0 && { required }), properties, ...options };
  },
  Optional(schema: Schema) {
    const marked = { ...schema };
    optional.add(marked);
    return marked;
  },
} as unknown as Builder;

/** This, or null where there is none. */
export const orNull = <Schema extends TSchema>(schema: Schema): TUnion<[Schema, TNull]> =>
  Type.Union([schema, Type.Null()]);

/** An answer with one fixed message: the compiler holds whoever sends it to the words that the documentation shows. */
export const saying = <const Words extends string>(words: Words) =>
  Type.Object({ message: Type.Literal(words) });

/** Of an object: no other members are accepted. */
export const exact = { additionalProperties: false } as const;
