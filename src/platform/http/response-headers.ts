import type { ProblemCode } from '../problems.ts';

type Json = Record<string, unknown>;

interface Header {
  readonly description: string;
  readonly required?: true;
  readonly schema: Json;
}

const text = (example: string, more: Json = {}) => ({ type: 'string', ...more, examples: [example] });

const HEADERS = {
  'X-Request-Id': {
    description:
      "The id of this request in logs and audit events: the caller's `X-Request-Id` if it was valid, otherwise a new one.",
    required: true,
    schema: text('019300f4-6f00-7000-8000-000000000001', { pattern: '^[A-Za-z0-9._:-]{1,128}$' }),
  },
  'RateLimit-Policy': {
    description:
      'The limit per client address: `q` requests in `w` seconds (draft-ietf-httpapi-ratelimit-headers). Not sent with RATE_LIMIT=off, nor if the request is refused before it is counted.',
    schema: text('"login";q=300;w=60'),
  },
  RateLimit: {
    description:
      'How many requests of `RateLimit-Policy` are left, `r`, and in how many seconds all are available again, `t`.',
    schema: text('"login";r=299;t=60'),
  },
  'Retry-After': {
    description: 'Seconds until a retry may succeed.',
    required: true,
    schema: { type: 'integer', minimum: 1, examples: [30] },
  },
  'WWW-Authenticate': {
    description:
      'How to authenticate: `Bearer`, with `error` and `error_description` if a token was sent or is not enough (RFC 6750 §3, RFC 9470 §3); `Basic` for a service client.',
    schema: text('Bearer error="invalid_token", error_description="Token has been revoked"'),
  },
  Location: {
    description: 'Where the browser goes next.',
    required: true,
    schema: text('https://app.example.com/callback?code=x', { format: 'uri' }),
  },
} as const satisfies Record<string, Header>;

const cookie = (description: string) => ({ name: 'Set-Cookie', description, schema: text('name=value') });

// The headers that only some routes send, by their word in the route's `config`.
const OWN = {
  'device-cookie': cookie(
    'The `device_token` of a device that was not known, named `entrecore_device_…`. With it, failed attempts of strangers do not lock out the next login from this device.',
  ),
  'sign-up-cookie': cookie('The `signup_token` of step 1; removed after step 2.'),
  'mail-sign-in-cookie': cookie('The `request_token` of the mailed sign-in; removed after it.'),
  'provider-cookie': cookie(
    'Binds a sign-in at a provider to this browser, named `entrecore_oauth_…`; removed after it.',
  ),
  attachment: {
    name: 'Content-Disposition',
    description: 'The name of the file.',
    schema: text('attachment; filename="account.json"'),
  },
} as const satisfies Record<string, Header & { name: string }>;

/** A header that only some routes send, with answers that are not refusals. */
export type OwnHeader = keyof typeof OWN;

/** The components `headers` of the OpenAPI document: those that are sent in many places. */
export const headerComponents: Json = HEADERS;

const named = (...names: (keyof typeof HEADERS)[]) =>
  Object.fromEntries(names.map(name => [name, { $ref: `#/components/headers/${name}` }]));

/** The headers of an answer that is not a refusal, except those of plain HTTP, CORS and browsers' security. */
export function headersOfAnswer(status: number, own: readonly OwnHeader[] = []): Json {
  const byName = Map.groupBy(
    own.map(word => OWN[word]),
    ({ name }) => name,
  );
  return {
    ...named('X-Request-Id', 'RateLimit-Policy', 'RateLimit'),
    ...(status >= 300 && status < 400 && named('Location')),
    ...Object.fromEntries(
      [...byName].map(([name, all]) => [
        name,
        { description: all.map(({ description }) => description).join(' '), schema: all[0]?.schema },
      ]),
    ),
  };
}

/** The same for the refusals with this status. */
export function headersOfRefusal(status: number, codes: readonly ProblemCode[]): Json {
  return {
    ...headersOfAnswer(status),
    ...((status === 401 || codes.includes('permission_denied')) && named('WWW-Authenticate')),
    ...((status === 429 || status === 503) && named('Retry-After')),
  };
}
