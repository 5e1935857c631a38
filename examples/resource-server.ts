/**
 * A sibling service: takes access tokens of Entrecore Auth, verifies them by its published keys, refuses those that were
 * revoked, and asks for a permission. It needs `npm i jose ioredis`, Node.js 24 or later, and a service that signs with a key
 * pair (`ALGORITHM=EdDSA`): with HS256, the default, no key is published, and every token is refused.
 *
 *   ISSUER=https://auth.example.com REDIS_URL=redis://cache:6379 node examples/resource-server.ts
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Redis } from 'ioredis';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';

const { ISSUER = 'http://localhost:8000', AUDIENCE = 'entrecore', REDIS_URL, PORT = '9000' } = process.env;

// Kept for as long as its Cache-Control says, and asked again for a key that is new. A rotation publishes its key long
// before that signs.
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), { cacheMaxAge: 300_000 });
const redis =
  REDIS_URL === undefined
    ? null
    : new Redis(REDIS_URL, { commandTimeout: 250, maxRetriesPerRequest: 0, lazyConnect: true });
redis?.on('error', () => {});
await redis?.connect().catch(() => {});

interface AccessToken extends JWTPayload {
  readonly sub: string;
  readonly jti: string;
  readonly iat: number;
  /** Left out in the token of a service client. */
  readonly sid?: string;
  readonly permissions: readonly string[];
}

class Refusal extends Error {
  readonly status: number;
  readonly challenge: string;

  constructor(status: number, challenge: string) {
    super(challenge);
    this.status = status;
    this.challenge = challenge;
  }
}

/** Who calls, for a route that needs `permission`. */
async function authorize(request: IncomingMessage, permission: string): Promise<AccessToken> {
  const token = /^Bearer ([\w.-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw new Refusal(401, 'Bearer');
  const { payload } = await jwtVerify<AccessToken>(token, keys, {
    issuer: ISSUER,
    audience: AUDIENCE,
    typ: 'at+jwt',
    algorithms: ['EdDSA', 'ES256', 'RS256', 'PS256'],
    requiredClaims: ['sub', 'jti', 'iat', 'exp'],
  });
  if (await isRevoked(payload)) throw new Refusal(401, 'Bearer error="invalid_token"');
  if (!payload.permissions.includes(permission))
    throw new Refusal(403, `Bearer error="insufficient_scope", scope="${permission}"`);
  return payload;
}

// docs/redis.md. Without Redis a logout holds here when the access token has run out; where that is too late, ask
// POST /introspect. A Redis that does not answer closes the door: 503.
async function isRevoked({ jti, sid, sub, iat }: AccessToken): Promise<boolean> {
  if (redis === null) return false;
  const [token, session, user] = await redis.mget(
    `{entrecore}:revoked:jti:${jti}`,
    `{entrecore}:revoked:sid:${sid}`,
    `{entrecore}:revoked:user:${sub}`,
  );
  return token !== null || session !== null || (typeof user === 'string' && iat < Number(user));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { sub } = await authorize(request, 'orders:read');
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ orders: [], of: sub }));
}

// What is wrong with a token is the caller's business; keys and revocations that cannot be had are ours.
function refusalOf(error: unknown): Refusal {
  const wrong = error instanceof errors.JOSEError && /^ERR_(JWT|JWS|JWKS_NO|JOSE_ALG)/.test(error.code);
  return wrong ? new Refusal(401, 'Bearer error="invalid_token"') : new Refusal(503, '');
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    const refused = error instanceof Refusal ? error : refusalOf(error);
    response.statusCode = refused.status;
    if (refused.challenge !== '') response.setHeader('www-authenticate', refused.challenge);
    response.end();
  });
});
server.listen(Number(PORT), '127.0.0.1', () => process.stdout.write(`listening on ${PORT}\n`));
