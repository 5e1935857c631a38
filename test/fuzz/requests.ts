import fc from 'fast-check';
import type { Operation } from '../support/contract.ts';

type Json = Record<string, unknown>;

export interface FuzzRequest {
  readonly operation: Operation;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly payload?: string | Buffer;
  readonly bearer: 'admin' | 'user' | 'none' | 'junk';
}

export interface Known {
  /** Schemas by their `$ref`. */
  readonly resolve: (schema: Json) => Json;
  /** Ids and names that exist, so that requests get past the lookup. */
  readonly ids: readonly string[];
}

/** Requests to one operation: mostly what its schema asks for, with members spoilt, left out and added. */
export function requestTo(operation: Operation, known: Known): fc.Arbitrary<FuzzRequest> {
  const parameters = operation.parameters ?? [];
  const path = fc.record(
    Object.fromEntries(
      parameters
        .filter(({ in: place }) => place === 'path')
        .map(({ name, schema }) => [name, pathValue(schema, known)]),
    ),
  );
  const query = fc.record(
    Object.fromEntries(
      parameters
        .filter(({ in: place }) => place === 'query')
        .map(({ name, schema }) => [
          name,
          fc.option(textOf(valueOf(schema, known, name)), { nil: undefined }),
        ]),
    ),
  );
  const media = operation.requestBody?.content ?? {};
  const types = Object.keys(media);
  const bodies =
    types.length === 0 ? fc.constant(undefined) : bodyOf(media[types[0] as string] as never, known);
  const type = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...(types.length > 0 ? types : ['application/json'])) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('text/plain', 'application/json; charset=utf-16', '', ';', 'a/b'),
    },
  );
  const spoilt = fc.oneof(
    { weight: 20, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
  const bearer = fc.oneof(
    { weight: 6, arbitrary: fc.constant('admin' as const) },
    { weight: 3, arbitrary: fc.constant('user' as const) },
    { weight: 1, arbitrary: fc.constantFrom('none' as const, 'junk' as const) },
  );
  return fc.record({ path, query, body: bodies, type, spoilt, bearer }).map(parts => {
    const filled = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(String((parts.path as Json)[name])),
    );
    const search = new URLSearchParams(
      Object.entries(parts.query as Record<string, string | undefined>).filter(
        (pair): pair is [string, string] => pair[1] !== undefined,
      ),
    ).toString();
    const sends = operation.method !== 'GET' && (parts.body !== undefined || parts.spoilt !== undefined);
    return {
      operation,
      url: search === '' ? filled : `${filled}?${search}`,
      headers: (sends ? { 'content-type': parts.type } : {}) as Record<string, string>,
      bearer: parts.bearer,
      ...(sends && {
        payload: parts.spoilt === undefined ? encode(parts.body, parts.type) : Buffer.from(parts.spoilt),
      }),
    };
  });
}

function encode(body: unknown, type: string): string {
  if (!type.includes('form')) return JSON.stringify(body) ?? '';
  const isRecord = typeof body === 'object' && body !== null;
  return new URLSearchParams(
    isRecord ? Object.entries(body).map(([name, value]) => [name, String(value)]) : [],
  ).toString();
}

// The example of the document, each member kept, drawn from its schema, replaced by anything, or left out.
function bodyOf(
  { schema, example }: { schema: Json; example: unknown },
  known: Known,
): fc.Arbitrary<unknown> {
  const { properties = {} } = objectOf(known.resolve(schema), known) as { properties?: Record<string, Json> };
  const members = Object.entries(properties).map(([name, part]) => {
    const kept = fc.constant((example as Json | undefined)?.[name]);
    const member = fc.oneof(
      { weight: 6, arbitrary: kept },
      { weight: 3, arbitrary: valueOf(part, known, name) },
      { weight: 1, arbitrary: anything },
      { weight: 1, arbitrary: fc.constant(undefined) },
    );
    return [name, member] as const;
  });
  const whole = fc.record(Object.fromEntries(members));
  const extra = fc
    .tuple(whole, fc.string({ minLength: 1, maxLength: 12 }), anything)
    .map(([body, name, value]) => ({ ...body, [name]: value }));
  return fc.oneof(
    { weight: 10, arbitrary: whole },
    { weight: 1, arbitrary: extra },
    { weight: 1, arbitrary: anything },
  );
}

function objectOf(schema: Json, known: Known): Json {
  const alternatives = schema.anyOf as Json[] | undefined;
  return alternatives?.map(known.resolve).find(({ type }) => type === 'object') ?? schema;
}

/** A value that fits a schema, as far as its type, its choices and its format go. */
export function valueOf(schema: Json, known: Known, name = ''): fc.Arbitrary<unknown> {
  const { type, anyOf, const: only, enum: choices, format, items, properties } = known.resolve(schema);
  if (only !== undefined) return fc.constant(only);
  if (Array.isArray(choices)) return fc.constantFrom(...(choices as unknown[]));
  if (Array.isArray(anyOf)) return fc.oneof(...(anyOf as Json[]).map(part => valueOf(part, known, name)));
  if (type === 'null') return fc.constant(null);
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer' || type === 'number')
    return fc.oneof(fc.integer({ min: -2, max: 300 }), fc.constantFrom(0, 2 ** 31, 2 ** 53, -1, 1e300));
  if (type === 'array') return fc.array(valueOf(items as Json, known, name), { maxLength: 4 });
  if (type === 'object')
    return fc.record(
      Object.fromEntries(
        Object.entries((properties ?? {}) as Record<string, Json>).map(([member, part]) => [
          member,
          valueOf(part, known, member),
        ]),
      ),
    );
  if (name === 'cursor') return fc.oneof(cursor, text);
  if (format === 'uuid') return fc.oneof(fc.uuid(), fc.constantFrom(...known.ids));
  if (format === 'date-time') return fc.oneof(moment, text);
  return fc.oneof(text, fc.constantFrom(...known.ids), name.includes('email') ? fc.emailAddress() : text);
}

const moment = fc
  .date({ min: new Date(-7e13), max: new Date(8.64e15), noInvalidDate: true })
  .map(at => at.toISOString());

// As ours are made, of parts that ours never have.
const cursor = fc
  .oneof(
    fc.array(fc.oneof(moment, fc.uuid(), fc.string({ maxLength: 20 }), fc.constantFrom('\0', '\ud800')), {
      maxLength: 3,
    }),
    fc.json({ maxDepth: 1 }),
    fc.tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.uuid()).map(parts => parts.join('.')),
  )
  .map(whole => Buffer.from(typeof whole === 'string' ? whole : JSON.stringify(whole)).toString('base64url'));

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    '\ud800',
    'ﬃ',
    'İ',
    'ß@ß.example',
    '%00',
    '../..',
    "' or 1=1 --",
    '\u202e',
    'x'.repeat(5_000),
    '🏳️‍🌈'.repeat(40),
  ),
  fc.integer({ min: 0, max: 999_999 }).map(code => String(code).padStart(6, '0')),
);
const anything = fc.oneof(fc.jsonValue(), text, fc.constantFrom(null, [], {}, 0, true, [[[]]]));

const textOf = (value: fc.Arbitrary<unknown>) => fc.oneof(value, text).map(String);

function pathValue(schema: Json, known: Known): fc.Arbitrary<unknown> {
  return fc
    .oneof(
      { weight: 3, arbitrary: valueOf(schema, known) },
      { weight: 2, arbitrary: fc.constantFrom(...known.ids) },
      { weight: 1, arbitrary: text },
    )
    .map(value => String(value).slice(0, 600))
    .filter(value => value !== '' && value !== '.' && value !== '..' && value.isWellFormed());
}
