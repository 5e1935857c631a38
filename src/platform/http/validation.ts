import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import fastJsonStringify, { type AnySchema as Schema } from 'fast-json-stringify';
import type { Issue } from '../problems.ts';

const options = { allErrors: true, removeAdditional: false, useDefaults: true, strict: false } as const;

const openAjv = (coerceTypes: boolean) => {
  const ajv = new Ajv({ ...options, coerceTypes });
  (formats as unknown as (ajv: Ajv) => void)(ajv);
  return ajv;
};
let exact: Ajv | null = null;
let fromText: Ajv | null = null;

/**
 * A validator of a route's schema, compiled by its first request: to compile those of all routes is most of a start.
 * Bodies are taken as they are: no coercion, and no member is dropped in silence.
 */
export function compileValidator({
  schema,
  httpPart,
}: {
  schema: unknown;
  httpPart?: string;
}): ValidateFunction {
  let compiled: ValidateFunction | null = null;
  const validate = (data: unknown) => {
    compiled ??= compile(schema as object, httpPart === 'body');
    const valid = compiled(data);
    validate.errors = compiled.errors ?? null;
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

/** A serializer of a route's answers, compiled by the first of them. What the schema does not name is left out. */
export function compileSerializer({ schema }: { schema: unknown }): (data: unknown) => string {
  let compiled: ((data: unknown) => string) | null = null;
  return data => {
    compiled ??= fastJsonStringify(schema as Schema);
    return compiled(data);
  };
}

const TYPES: Readonly<Record<string, string>> = {
  minLength: 'string_too_short',
  maxLength: 'string_too_long',
  pattern: 'string_pattern_mismatch',
  minimum: 'greater_than_equal',
  maximum: 'less_than_equal',
  exclusiveMinimum: 'greater_than',
  exclusiveMaximum: 'less_than',
  minItems: 'too_short',
  maxItems: 'too_long',
  uniqueItems: 'not_unique',
  enum: 'literal_error',
  const: 'literal_error',
  format: 'value_error',
  minProperties: 'too_few_members',
};

/** Ajv's errors as FastAPI's list: `loc` leads to the member, and no rejected value is repeated. */
export function toIssues(errors: readonly ErrorObject[], part: string): Issue[] {
  const at =
    part === 'querystring' ? 'query' : part === 'params' ? 'path' : part === 'headers' ? 'header' : part;
  return errors
    .filter(error => !isChoice(error) && !isOtherThanNull(error))
    .map(error => toIssue(error, at))
    .concat(
      errors.length > 0 && errors.every(isChoice)
        ? [{ type: 'no_match', loc: [at], msg: 'Input should match one of the allowed forms' }]
        : [],
    );
}

// Of "this or null", what is said about this is enough.
const isOtherThanNull = ({ keyword, params }: ErrorObject) => keyword === 'type' && params.type === 'null';
const isChoice = ({ keyword }: ErrorObject) => keyword === 'if' || keyword === 'anyOf' || keyword === 'oneOf';

function toIssue({ keyword, instancePath, params, message }: ErrorObject, part: string): Issue {
  const path = instancePath.split('/').slice(1).map(unescapePointer);
  const loc = [part, ...path];
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
      // Of "this or null", what is said about this is enough.
      const [type] = String(params.type).split(',');
      return { type: `${type}_type`, loc, msg: `Input should be a valid ${type}` };
    }
    case 'minLength':
      return {
        type: 'string_too_short',
        loc,
        msg: `String should have at least ${String(params.limit)} characters`,
      };
    case 'maxLength':
      return {
        type: 'string_too_long',
        loc,
        msg: `String should have at most ${String(params.limit)} characters`,
      };
    default:
      return { type: TYPES[keyword] ?? 'value_error', loc, msg: `Input ${message ?? 'is not valid'}` };
  }
}

const unescapePointer = (token: string) => {
  const text = token.replaceAll('~1', '/').replaceAll('~0', '~');
  return /^\d+$/.test(text) ? Number(text) : text;
};
