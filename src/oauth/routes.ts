import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AuthenticatedClient, authenticateClient } from '../clients/authenticate.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { JWKS_MAX_AGE } from '../keys/rotate.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { readFormBodies, withValues } from '../platform/http/bodies.ts';
import { optionalToken } from '../platform/http/opaque-token.ts';
import { optional } from '../platform/http/optional.ts';
import { Type } from '../platform/json-schema.ts';
import { introspect } from './introspect.ts';
import { describeServer } from './metadata.ts';
import { revoke } from './revoke.ts';

const uri = Type.String({ format: 'uri' });
const words = Type.Array(Type.String());
const metadata = Type.Object(
  {
    issuer: uri,
    token_endpoint: uri,
    jwks_uri: uri,
    introspection_endpoint: uri,
    revocation_endpoint: uri,
    service_documentation: uri,
    grant_types_supported: words,
    response_types_supported: words,
    token_endpoint_auth_methods_supported: words,
    introspection_endpoint_auth_methods_supported: words,
    revocation_endpoint_auth_methods_supported: words,
    access_token_signing_alg_values_supported: words,
  },
  { $id: 'ServerMetadata', title: 'ServerMetadata' },
);
const jwks = Type.Object(
  { keys: Type.Array(Type.Record(Type.String(), Type.String())) },
  { title: 'JSON Web Key Set', examples: [{ keys: [] }] },
);

// A NumericDate may have a fraction (RFC 7519 §2).
const seconds = Type.Optional(Type.Number());
const text = Type.Optional(Type.String());
const names = Type.Optional(Type.Array(Type.String()));
// RFC 7662 §2.2, and our own claims. They come as the token has them, so the compiler is sure of `active` only.
const told = {
  token_type: Type.Optional(
    Type.String({ description: '`Bearer` for an access token, `refresh_token` for the other kind.' }),
  ),
  scope: text,
  client_id: Type.Optional(Type.String({ description: "If the token is a service client's." })),
  username: text,
  sub: text,
  iss: text,
  aud: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
  exp: seconds,
  iat: seconds,
  nbf: seconds,
  jti: text,
  sid: Type.Optional(Type.String({ description: "The token's session." })),
  roles: names,
  permissions: names,
  amr: names,
  auth_time: seconds,
} as Record<never, never>;
const introspectionBody = Type.Object(
  { active: Type.Boolean(), ...told },
  { additionalProperties: true, title: 'Introspection', examples: [{ active: false }] },
);

// Unknown parameters are ignored (RFC 6749 §3.2). A token that is longer than any of ours is inactive, not an error.
const tokenForm = Type.Object({
  token: Type.String({ minLength: 1 }),
  token_type_hint: optional(Type.String()),
  client_id: optional(Type.String({ maxLength: 200 })),
  client_secret: optionalToken(),
});
const forms = ['application/x-www-form-urlencoded', 'application/json'];
const forClients = {
  access: 'public',
  limit: 'oauth',
  oauth: true,
  problems: ['invalid_client', 'permission_denied'],
} as const;
const cacheable = `public, max-age=${JWKS_MAX_AGE}`;

/** Keys and metadata for verifiers (RFC 7517, 8414), introspection (RFC 7662) and revocation (RFC 7009). */
export async function routes(app: App, deps: KeysDeps): Promise<void> {
  await readFormBodies(app);

  app.get(
    '/.well-known/jwks.json',
    {
      config: { access: 'public', database: false },
      schema: {
        tags: ['OAuth'],
        summary: 'The public keys of access tokens',
        description:
          'Empty with HS256, HS384 and HS512. A new key is published here ten minutes before it signs.',
        response: { 200: jwks },
      },
    },
    (_request, reply) => {
      publish(reply);
      return { keys: deps.keys.jwks().keys.map(key => ({ ...key })) };
    },
  );

  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    app.get(
      path,
      {
        config: { access: 'public', database: false },
        schema: {
          tags: ['OAuth'],
          summary: 'What this authorization server offers',
          response: { 200: metadata },
        },
      },
      (_request, reply) => {
        publish(reply);
        return describeServer(deps.config);
      },
    );
  }

  app.post(
    '/introspect',
    {
      attachValidation: true,
      config: forClients,
      schema: {
        tags: ['OAuth'],
        summary: 'Whether a token is valid now',
        description:
          'For service clients that hold `tokens:introspect`, authenticated by HTTP Basic or by `client_id` and `client_secret`. Takes access and refresh tokens. If a token is not valid, for whatever reason, the answer is `{"active": false}`.',
        security: [{ client: [] }],
        consumes: forms,
        body: tokenForm,
        response: { 200: introspectionBody },
      },
    },
    async request => {
      const client = await clientOf(deps, request);
      return introspect(deps, callerOf(request), client, request.body.token);
    },
  );

  app.post(
    '/revoke',
    {
      attachValidation: true,
      config: forClients,
      schema: {
        tags: ['OAuth'],
        summary: 'Revoke a token',
        description:
          "A service client may revoke its own tokens. To revoke somebody else's it needs `sessions:revoke`. An access token is revoked alone, a refresh token together with its session. An unknown token is 200, as is an ended one that the client may revoke. A refusal does not tell whether the token was valid.",
        security: [{ client: [] }],
        consumes: forms,
        body: tokenForm,
        response: { 200: Type.Object({}) },
      },
    },
    async request => {
      const client = await clientOf(deps, request);
      await revoke(deps, callerOf(request), client, request.body.token);
      return {};
    },
  );
}

// Every origin may read public keys and metadata, without credentials: verifiers also run in browsers.
function publish(reply: FastifyReply): void {
  reply.headers({ 'cache-control': cacheable, 'cross-origin-resource-policy': 'cross-origin' });
  if (reply.hasHeader('access-control-allow-origin')) return;
  reply.header('access-control-allow-origin', '*').removeHeader('access-control-allow-credentials');
}

// The client is authenticated before its request is judged (RFC 7662 §2.1, RFC 7009 §2.1), so faults of the body wait for that.
async function clientOf(deps: KeysDeps, request: FastifyRequest): Promise<AuthenticatedClient> {
  const { authorization } = request.headers;
  const { client_id, client_secret } = withValues(Object(request.body) as Record<string, unknown>);
  const client = await authenticateClient(deps, callerOf(request), {
    authorization,
    client_id: textOf(client_id),
    client_secret: textOf(client_secret),
  });
  if (request.validationError !== undefined) throw request.validationError;
  return client;
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
