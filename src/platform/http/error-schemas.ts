import { Type } from '../json-schema.ts';
import { type ProblemCode, problems } from '../problems.ts';
import type { RouteConfig } from './access.ts';
import { exampleOf } from './examples.ts';

type Json = Record<string, unknown>;

const withCode = (code: ProblemCode, description: string) => ({
  description: `With \`${code}\`: ${description}`,
});

// The members that some refusals have beside those of every error.
const FURTHER: Readonly<Partial<Record<ProblemCode, Json>>> = {
  mfa_required: {
    mfa_token: Type.String({
      ...withCode('mfa_required', 'what `POST /token/mfa` takes; at a login alone.'),
      examples: ['kH0nSSpGHlWvRnGz1cXKm3q8dPqkLV5FvZDbWq7xH2g'],
    }),
    factors: Type.Array(
      Type.Union([
        Type.Literal('totp'),
        Type.Literal('sms'),
        Type.Literal('recovery_code'),
        Type.Literal('passkey'),
      ]),
      withCode('mfa_required', 'what it can be answered with.'),
    ),
    expires_at: Type.String({ format: 'date-time', ...withCode('mfa_required', 'the end of `mfa_token`.') }),
  },
  password_expired: {
    reset_token: Type.String({
      ...withCode('password_expired', 'what `POST /password-reset/confirm` takes.'),
      examples: ['x5uT0m3Jw0o7sQmB1nEwq2rJ6kq9ZtYcP4fVhLd8aSg'],
    }),
  },
  permission_denied: {
    permission: Type.String({
      ...withCode('permission_denied', 'the one that is needed.'),
      examples: ['users:read'],
    }),
    factor_required: Type.Boolean({
      ...withCode('permission_denied', 'true where the role gives it only after a second factor.'),
      examples: [false],
    }),
  },
  grant_exceeds_own: {
    permissions: Type.Array(Type.String(), withCode('grant_exceeds_own', 'those that the caller lacks.')),
  },
  not_ready: {
    status: Type.Literal('not_ready', withCode('not_ready', 'beside `checks`.')),
    checks: Type.Record(Type.String(), Type.String(), {
      ...withCode('not_ready', 'what is wrong, by what was looked at.'),
      examples: [{ database: 'The database does not answer in time.' }],
    }),
  },
};

// These members are sent in some cases only.
const SELDOM = new Set(['factor_required']);

// A caller with a session sends the factor to the route that asked for it, and needs no `mfa_token`.
const AT_LOGIN = new Set(['mfa_token', 'expires_at']);

/** An error as it comes with this code from a route with this config. */
export function errorExample(code: ProblemCode, { oauth, access }: RouteConfig): Json {
  const {
    message,
    status,
    oauth: word,
  }: { message: string; status: number; oauth?: string } = problems[code];
  const further = Object.entries(FURTHER[code] ?? {}).filter(
    ([name]) => !SELDOM.has(name) && (access === 'public' || !AT_LOGIN.has(name)),
  );
  return {
    detail: status === 422 ? [{ type: 'missing', loc: ['body', 'email'], msg: 'Field required' }] : message,
    code,
    message,
    request_id: '019300f4-6f00-7000-8000-000000000001',
    ...(oauth && { error: word ?? 'invalid_request', error_description: message }),
    ...Object.fromEntries(further.map(([name, schema]) => [name, exampleOf(schema, name)])),
  };
}

const errorMembers = {
  code: { type: 'string', description: 'Stable and machine-readable.' },
  message: { type: 'string', description: 'A sentence for a person.' },
  request_id: { type: 'string' },
  error: {
    type: 'string',
    description: 'The error code of RFC 6749 §5.2, at the endpoints that OAuth clients call.',
  },
  error_description: { type: 'string' },
};

/** The component `Error`: every refusal but a 422, with what some of them add. */
export const errorSchema = {
  type: 'object',
  required: ['detail', 'code', 'message', 'request_id'],
  properties: {
    detail: { type: 'string' },
    ...errorMembers,
    ...Object.assign({}, ...Object.values(FURTHER)),
  },
};

/** The component `ValidationError`: a 422. */
export const validationErrorSchema = {
  type: 'object',
  required: ['detail', 'code', 'message', 'request_id'],
  properties: {
    detail: {
      type: 'array',
      items: {
        type: 'object',
        required: ['type', 'loc', 'msg'],
        properties: {
          type: { type: 'string' },
          loc: { type: 'array', items: { type: ['string', 'integer'] } },
          msg: { type: 'string' },
        },
      },
    },
    ...errorMembers,
  },
};
