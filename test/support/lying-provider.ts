import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { OidcProvider } from '../../src/platform/config.ts';

/** What the provider does with the next sign-in; what is left out is done as it should be. */
export interface Lies {
  /** Members of the ID token; null leaves one out. */
  readonly claims?: Record<string, unknown>;
  /** Members of the metadata. */
  readonly metadata?: Record<string, unknown>;
  /** Members of the key beside the usual ones. */
  readonly key?: Record<string, unknown>;
  /** Answers of single paths, in place of the right ones. */
  readonly answers?: Record<string, (response: ServerResponse) => unknown>;
  /** Signs with a key that is not published. */
  readonly forged?: boolean;
  /** Its client is registered for `client_secret_basic` alone. */
  readonly basicOnly?: boolean;
  /** Milliseconds until the token endpoint answers. */
  readonly delay?: number;
  /** Seconds that its clock is ahead. */
  readonly ahead?: number;
}

export interface LyingProvider {
  readonly issuer: string;
  /** As OIDC_PROVIDERS would hold it. */
  entry(more?: Partial<OidcProvider>): OidcProvider;
  lie(lies: Lies): void;
  /** A code for the nonce of a sign-in; it can be redeemed once. */
  codeFor(nonce: string): string;
  /** What the token endpoint was sent, in order. */
  readonly received: { form: Record<string, string>; authorization: string | undefined }[];
  /** An ID token of its own accord. */
  idToken(claims?: Record<string, unknown>): Promise<string>;
  rotate(): Promise<void>;
  close(): Promise<void>;
}

/** A provider that misbehaves on purpose, over real HTTP on loopback. */
export async function lyingProvider(): Promise<LyingProvider> {
  let lies: Lies = {};
  let key = await newKey();
  const stray = await newKey();
  const codes = new Map<string, string>();
  const received: LyingProvider['received'] = [];
  let made = 0;

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function idToken(claims: Record<string, unknown> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000) + (lies.ahead ?? 0);
    const all: Record<string, unknown> = {
      iss: issuer,
      aud: 'client-1',
      sub: '7001',
      iat: now,
      exp: now + 300,
      email: 'liar@example.com',
      email_verified: true,
      name: 'Ada Lovelace',
      ...claims,
      ...lies.claims,
    };
    const kept = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
    return new SignJWT(kept)
      .setProtectedHeader({ alg: 'RS256', kid: key.jwk.kid as string })
      .sign((lies.forged === true ? stray : key).privateKey);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] as string;
    const json = (body: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const instead = lies.answers?.[path];
    if (instead !== undefined) return void instead(response);
    if (path.endsWith('/.well-known/openid-configuration')) {
      return void json({
        issuer: path === '/.well-known/openid-configuration' ? issuer : issuer + path.split('/.well')[0],
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
        id_token_signing_alg_values_supported: ['RS256'],
        authorization_response_iss_parameter_supported: true,
        ...lies.metadata,
      });
    }
    if (path === '/keys') return void json({ keys: [{ ...key.jwk, ...lies.key }] });
    if (path !== '/token' && path !== '/login/oauth/access_token') return void json({}, 404);
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    received.push({ form, authorization: request.headers.authorization });
    if (lies.basicOnly === true && request.headers.authorization === undefined)
      return void json({ error: 'invalid_client' }, 401);
    const nonce = codes.get(form.code ?? '');
    codes.delete(form.code ?? '');
    if (nonce === undefined) return void json({ error: 'invalid_grant' }, 400);
    if (lies.delay !== undefined) await new Promise(resolve => setTimeout(resolve, lies.delay));
    return void json({
      access_token: 'an access token',
      token_type: 'Bearer',
      expires_in: 60,
      ...(path === '/token' && { id_token: await idToken({ nonce }) }),
    });
  }

  return {
    issuer,
    entry: more => ({
      id: 'liar',
      name: 'Liar',
      issuer,
      client_id: 'client-1',
      client_secret: 'a secret',
      ...more,
    }),
    lie(next) {
      lies = next;
    },
    codeFor(nonce) {
      const code = `code-${++made}`;
      codes.set(code, nonce);
      return code;
    },
    received,
    idToken,
    async rotate() {
      key = await newKey();
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

let keys = 0;
async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: `liar-${++keys}`, alg: 'RS256', use: 'sig' };
  return { privateKey, jwk };
}
