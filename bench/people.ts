import { createHash } from 'node:crypto';
import { symmetricSigner } from '../src/keys/jwt.ts';
import { deriveSecrets } from '../src/platform/secrets.ts';
import { encodeRefreshToken } from '../src/sessions/refresh-token.ts';

/** The secrets that the measured service is started with, so that tokens can be made here. */
export const JWT_SECRET = 'a jwt secret for measurements, 32 bytes or more';
export const ROOT_SECRET = 'a root secret for measurements, 32 bytes or more';
export const PUBLIC_URL = 'http://localhost:8000';
export const PASSWORD = 'Measured-twice-cut-once-7';

const secrets = deriveSecrets(ROOT_SECRET);

/** What every value sealed under the root secret begins with, in hexadecimal: the start of the service looks for it. */
export const SEALED_PREFIX = secrets.seal('', '').subarray(0, 5).toString('hex');

const sign = symmetricSigner('HS256', JWT_SECRET);

const hex = (n: number) => n.toString(16).padStart(12, '0');

export const userId = (n: number) => `01900000-0000-7000-9000-${hex(n)}`;
export const sessionId = (n: number) => `01900000-0000-7000-8000-${hex(n)}`;
export const emailOf = (n: number) => `person${n}@example.com`;

/** Whose session it is: spread over all users, so that a large table is read all over. */
export const ownerOf = (session: number, users: number) => 1 + ((session * 7919) % users);

/** An access token of a session, as the service would have signed it now. */
export function accessToken(session: number, users: number): string {
  const now = Math.floor(Date.now() / 1000);
  return sign({
    iss: PUBLIC_URL,
    aud: 'entrecore',
    sub: userId(ownerOf(session, users)),
    iat: now,
    nbf: now,
    exp: now + 1800,
    jti: `01900000-0000-7000-a000-${hex(session)}`,
    sid: sessionId(session),
    roles: ['user'],
    permissions: [],
    amr: ['pwd'],
    auth_time: now,
  });
}

/** The refresh token of a session that was never refreshed. */
export function refreshToken(session: number): string {
  const seed = createHash('sha256').update(`seed ${session}`).digest();
  return encodeRefreshToken(secrets, { sessionId: sessionId(session), generation: 0, seed });
}

/** One HTTP request as it goes over the wire. */
export function request(
  method: string,
  path: string,
  { token, json, form }: { token?: string; json?: object; form?: Record<string, string> } = {},
): string {
  const body = form !== undefined ? new URLSearchParams(form).toString() : json ? JSON.stringify(json) : '';
  const type = form !== undefined ? 'application/x-www-form-urlencoded' : 'application/json';
  return [
    `${method} ${path} HTTP/1.1`,
    'host: localhost:8000',
    'user-agent: bench',
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
    ...(body === '' ? [] : [`content-type: ${type}`, `content-length: ${Buffer.byteLength(body)}`]),
    '',
    body,
  ].join('\r\n');
}

export const whoAmI = (session: number, users: number) =>
  request('GET', '/users/me', { token: accessToken(session, users) });
export const logout = (session: number, users: number) =>
  request('POST', '/logout', { token: accessToken(session, users) });
export const refresh = (session: number) =>
  request('POST', '/refresh-token', { json: { refresh_token: refreshToken(session) } });
export const login = (user: number) =>
  request('POST', '/token', { form: { username: emailOf(user), password: PASSWORD } });
