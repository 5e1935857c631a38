import { createRequire } from 'node:module';
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv';
import type fastJsonStringify from 'fast-json-stringify';
import type { Issue } from '../problems.ts';
import { readUuid } from '../uuid.ts';

// A start needs no compiler, so each is loaded by the first schema that needs it; synchronously, as Fastify's hooks for
// compilers do not wait.
const require = createRequire(import.meta.url);

// The most issues in one answer: a body of thousands of wrong members would otherwise get an answer ten times as long.
const MOST_ISSUES = 20;
// Several errors may become one issue. Ajv finds all errors in a fraction of the time that reading the body took; turning all
// into text would take longer than reading, so the rest are dropped here.
const MOST_ERRORS = 5 * MOST_ISSUES;

const options = { allErrors: true, removeAdditional: false, useDefaults: true, strict: false } as const;

const openAjv = (coerceTypes: boolean) => {
  const { Ajv } = require('ajv') as typeof import('ajv');
  const formats = require('ajv-formats') as (ajv: Ajv) => void;
  const ajv = new Ajv({ ...options, coerceTypes });
  formats(ajv);
  // The `uuid` of ajv-formats accepts `urn:uuid:…` too, which PostgreSQL does not.
  ajv.addFormat('uuid', text => readUuid(text) !== null);
  ajv.addFormat('idn-email', looksLikeAddress);
  return ajv;
};

// Checks only what every address must have, so that a form shows this error together with all others; an address is judged in
// full only later, where it is normalized. Takes time linear in the text: as all errors are asked for, it may be as long as a
// body.
function looksLikeAddress(text: string): boolean {
  const [local, domain = '', more] = text.normalize('NFKC').split('@', 3);
  return local !== '' && /.[.\u3002]./.test(domain) && more === undefined;
}

let exact: Ajv | null = null;
let fromText: Ajv | null = null;

/**
 * A validator of a route's schema, compiled by its first request: compiling those of all routes would be most of a start.
 * Bodies are taken as they are: no coercion, and no member is dropped in silence. Ids in a path or a query are handed on in
 * this program's own spelling: some texts are bound to an id, and another spelling would count as another id.
 */
export function compileValidator({
  schema,
  httpPart,
}: {
  schema: unknown;
  httpPart?: string;
}): ValidateFunction {
  let compiled: ValidateFunction | null = null;
  const [ids, integers, booleans] = httpPart === 'body' ? [[], [], []] : textsOf(schema as ObjectSchema);
  const validate = (data: unknown) => {
    compiled ??= compile(schema as object, httpPart === 'body');
    if (integers.length > 0) refuseOtherNumbers(data as Record<string, unknown>, integers);
    if (booleans.length > 0) readBooleans(data as Record<string, unknown>, booleans);
    const valid = compiled(data);
    validate.errors = compiled.errors?.slice(0, MOST_ERRORS) ?? null;
    if (valid && ids.length > 0) spellIds(data as Record<string, unknown>, ids);
    return valid;
  };
  validate.errors = null as ValidateFunction['errors'];
  return validate as unknown as ValidateFunction;
}

function compile(schema: object, isBody: boolean): ValidateFunction {
  // A query string and a path hold text only, so numbers and booleans must be read from it.
  const ajv = isBody ? (exact ??= openAjv(false)) : (fromText ??= openAjv(true));
  return ajv.compile(schema);
}

/** A serializer of a route's answers, compiled by the first of them. Members that the schema does not name are left out. */
export function compileSerializer({ schema }: { schema: unknown }): (data: unknown) => string {
  let compiled: ((data: unknown) => string) | null = null;
  return data => {
    compiled ??= constant(schema as object) ?? stringifier(schema as object);
    return compiled(data);
  };
}

function stringifier(schema: object): (data: unknown) => string {
  return (require('fast-json-stringify') as typeof fastJsonStringify)(schema);
}

interface ObjectSchema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<
    Record<string, { readonly const?: unknown; readonly format?: string; readonly type?: string }>
  >;
}

/** The members that are ids, those that are whole numbers, and those that are true or false. */
function textsOf({ properties = {} }: ObjectSchema): [ids: string[], integers: string[], booleans: string[]] {
  const names = Object.keys(properties);
  return [
    names.filter(name => properties[name]?.format === 'uuid'),
    names.filter(name => properties[name]?.type === 'integer'),
    names.filter(name => properties[name]?.type === 'boolean'),
  ];
}

// Ajv would read 1e2 and 0x10 as integers, too.
function refuseOtherNumbers(values: Record<string, unknown>, integers: readonly string[]): void {
  for (const name of integers) {
    const text = values[name];
    if (typeof text === 'string' && !/^[+-]?\d+$/.test(text)) values[name] = 'no integer';
  }
}

// The words that pydantic reads, and so the original did: Python writes True.
function readBooleans(values: Record<string, unknown>, booleans: readonly string[]): void {
  for (const name of booleans) {
    const text = String(values[name]);
    if (/^(?:1|t|true|y|yes|on)$/i.test(text)) values[name] = true;
    else if (/^(?:0|f|false|n|no|off)$/i.test(text)) values[name] = false;
  }
}

function spellIds(values: Record<string, unknown>, ids: readonly string[]): void {
  for (const name of ids) {
    const text = values[name];
    if (typeof text === 'string') values[name] = readUuid(text);
  }
}

// An object of literals is always the same text. It answers the first probes after a start, so no compiler is loaded for it.
function constant(schema: object): (() => string) | null {
  const { required = [], properties = {}, ...more } = schema as ObjectSchema;
  const members = Object.entries(properties);
  const isConstant = members.every(([name, member]) => 'const' in member && required.includes(name));
  if (members.length === 0 || !isConstant || Object.keys(more).some(key => key !== 'type')) return null;
  const text = JSON.stringify(Object.fromEntries(members.map(([name, member]) => [name, member.const])));
  return () => text;
}

type Said = readonly [type: string, msg: (limit: number) => string];

// In the words of FastAPI's validator, pydantic, which clients look for.
const SAID: Readonly<Record<string, Said>> = {
  minLength: ['string_too_short', limit => `String should have at least ${many(limit, 'character')}`],
  maxLength: ['string_too_long', limit => `String should have at most ${many(limit, 'character')}`],
  minimum: ['greater_than_equal', limit => `Input should be greater than or equal to ${limit}`],
  maximum: ['less_than_equal', limit => `Input should be less than or equal to ${limit}`],
  exclusiveMinimum: ['greater_than', limit => `Input should be greater than ${limit}`],
  exclusiveMaximum: ['less_than', limit => `Input should be less than ${limit}`],
  minItems: ['too_short', limit => `List should have at least ${many(limit, 'item')}`],
  maxItems: ['too_long', limit => `List should have at most ${many(limit, 'item')}`],
  uniqueItems: ['not_unique', () => 'List should hold no item twice'],
  minProperties: ['too_few_members', limit => `Input should have at least ${many(limit, 'member')}`],
};
const NOT_OF_TYPE: Readonly<Record<string, readonly [type: string, msg: string]>> = {
  string: ['string_type', 'Input should be a valid string'],
  integer: ['int_type', 'Input should be a valid integer'],
  number: ['float_type', 'Input should be a valid number'],
  boolean: ['bool_type', 'Input should be a valid boolean'],
  array: ['list_type', 'Input should be a valid list'],
  object: ['model_attributes_type', 'Input should be a valid dictionary or object to extract fields from'],
};
// For the members of a query or a path, which hold only text.
const NOT_READ_AS: Readonly<Record<string, readonly [type: string, msg: string]>> = {
  integer: ['int_parsing', 'Input should be a valid integer, unable to parse string as an integer'],
  number: ['float_parsing', 'Input should be a valid number, unable to parse string as a number'],
  boolean: ['bool_parsing', 'Input should be a valid boolean, unable to interpret input'],
};
const NOT_OF_FORMAT: Readonly<Record<string, readonly [type: string, msg: string]>> = {
  uuid: ['uuid_parsing', 'Input should be a valid UUID'],
  'date-time': ['datetime_parsing', 'Input should be a valid datetime'],
  uri: ['url_parsing', 'Input should be a valid URL'],
  'idn-email': ['value_error', 'This is not a valid email address.'],
};

/** Ajv's errors as FastAPI's list, twenty at most: `loc` leads to the member, and no rejected value is repeated. */
export function toIssues(errors: readonly ErrorObject[], part: string): Issue[] {
  const at =
    part === 'querystring' ? 'query' : part === 'params' ? 'path' : part === 'headers' ? 'header' : part;
  return oneOfEach(errors)
    .filter(error => !isChoice(error) && !isOtherThanNull(error))
    .map(error => toIssue(error, at))
    .concat(
      errors.length > 0 && errors.every(isChoice)
        ? [{ type: 'no_match', loc: [at], msg: 'Input should match one of the allowed forms' }]
        : [],
    )
    .slice(0, MOST_ISSUES);
}

// If a member is none of several allowed words, Ajv reports an error for each word and for the type of each: they become one
// issue that names all the words.
function oneOfEach(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const words = Map.groupBy(
    errors.filter(({ keyword }) => keyword === 'const'),
    ({ instancePath }) => instancePath,
  );
  return errors.flatMap(error => {
    const alike = words.get(error.instancePath);
    if (alike === undefined) return [error];
    if (error.keyword === 'type') return [];
    if (error.keyword !== 'const') return [error];
    const allowedValues = alike.map(({ params }) => params.allowedValue);
    return error === alike[0] ? [{ ...error, keyword: 'enum', params: { allowedValues } }] : [];
  });
}

// Where a schema says "this or null", the error about "this" is enough.
const isOtherThanNull = ({ keyword, params }: ErrorObject) => keyword === 'type' && params.type === 'null';
const isChoice = ({ keyword }: ErrorObject) => keyword === 'if' || keyword === 'anyOf' || keyword === 'oneOf';

function toIssue({ keyword, instancePath, params, message }: ErrorObject, part: string): Issue {
  const path = instancePath.split('/').slice(1).map(unescapePointer);
  const loc = [part, ...path];
  // This pattern asks for one character that is no space, so it is reported as a minimum length.
  if (keyword === 'pattern' && params.pattern === '\\S')
    return { type: 'string_too_short', loc, msg: `String should have at least ${many(1, 'character')}` };
  switch (keyword) {
    case 'required':
      return { type: 'missing', loc: [...loc, String(params.missingProperty)], msg: 'Field required' };
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return {
        type: 'extra_forbidden',
        loc: [...loc, String(params.additionalProperty ?? params.unevaluatedProperty)],
        msg: 'Extra inputs are not permitted',
      };
    case 'type': {
      // Where a schema says "this or null", the error about "this" is enough.
      const name = String(params.type).split(',')[0] as string;
      const said = (part === 'body' ? undefined : NOT_READ_AS[name]) ?? NOT_OF_TYPE[name];
      const [type, msg] = said ?? [`${name}_type`, `Input should be a valid ${name}`];
      return { type, loc, msg };
    }
    case 'pattern':
      return { type: 'string_pattern_mismatch', loc, msg: `String should match pattern '${params.pattern}'` };
    case 'format': {
      const [type, msg] = NOT_OF_FORMAT[params.format as string] ?? ['value_error', `Input ${message}`];
      return { type, loc, msg };
    }
    case 'enum':
      return { type: 'literal_error', loc, msg: `Input should be ${choice(params.allowedValues)}` };
    default: {
      const [type, msg] = SAID[keyword] ?? ['value_error', () => `Input ${message ?? 'is not valid'}`];
      return { type, loc, msg: msg(params.limit as number) };
    }
  }
}

const many = (limit: number, what: string) => (limit === 1 ? `1 ${what}` : `${limit} ${what}s`);
// As pydantic writes it. Intl.ListFormat would cost a start 6 MB.
const choice = (values: readonly unknown[]) =>
  [...new Set(values)]
    .map(value => (typeof value === 'string' ? `'${value}'` : String(value)))
    .join(', ')
    .replace(/, (?=[^,]*$)/, ' or ');

const unescapePointer = (token: string) => {
  const text = token.replaceAll('~1', '/').replaceAll('~0', '~');
  return /^\d+$/.test(text) ? Number(text) : text;
};
