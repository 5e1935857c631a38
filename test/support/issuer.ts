import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export interface TestIssuer {
  readonly url: string;
  /** Signs an ID token of this issuer; `claims` replace the ordinary ones, null leaves one out. */
  idToken(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** Signs with a new key from now on; the old one is no longer published. */
  rotate(): Promise<void>;
  /** Answers 503 until it is brought back. */
  down(down: boolean): void;
  /** How often the keys were fetched. */
  fetches(): number;
  close(): Promise<void>;
}

/** An OpenID Connect issuer on loopback: discovery, keys and tokens, over real HTTP. */
export async function testIssuer(now: () => Date, clientId = 'client-1'): Promise<TestIssuer> {
  let key = await newKey();
  let isDown = false;
  let count = 0;
  const server = createServer((request, response) => {
    if (isDown) return response.writeHead(503).end();
    const json = (body: unknown) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (request.url === '/.well-known/openid-configuration')
      return json({ issuer: url, jwks_uri: `${url}/keys` });
    if (request.url === '/keys') {
      count++;
      return json({ keys: [key.jwk] });
    }
    return response.writeHead(404).end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    idToken(claims = {}, header = {}) {
      const seconds = Math.floor(now().getTime() / 1000);
      const all: Record<string, unknown> = {
        iss: url,
        aud: clientId,
        sub: '1001',
        iat: seconds,
        exp: seconds + 3600,
        email: 'grace@example.com',
        email_verified: true,
        given_name: 'Grace',
        family_name: 'Hopper',
        name: 'Grace Hopper',
        ...claims,
      };
      const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'RS256', kid: key.jwk.kid as string, typ: 'JWT', ...header })
        .sign(key.privateKey);
    },
    async rotate() {
      key = await newKey();
    },
    down(value) {
      isDown = value;
    },
    fetches: () => count,
    close: () => new Promise(resolve => server.close(() => resolve())),
  };
}

let made = 0;
async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  made++;
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: `key-${made}`, alg: 'RS256', use: 'sig' };
  return { privateKey, jwk };
}
