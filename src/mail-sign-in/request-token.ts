import type { Secrets } from '../platform/secrets.ts';

/** How long a mailed link or code works, in seconds (ASVS 6.5.5: at most ten minutes). */
export const SIGN_IN_LIFETIME = 600;

const COOKIE = 'sign_in_request';

const signed = (id: string) => `sign-in-request\0${id}`;

/** What the browser that asked keeps: nobody else can use the link or the code. Says nothing of who has an account. */
export function encodeRequestToken(secrets: Secrets, id: string): string {
  return `${id}.${secrets.mac('cookie', signed(id)).toString('base64url')}`;
}

/** The request of a token that this service made, or null. */
export function decodeRequestToken(secrets: Secrets, token: string): string | null {
  const [id = '', mac = ''] = token.split('.', 2);
  return secrets.verifyMac('cookie', signed(id), Buffer.from(mac, 'base64url')) ? id : null;
}

/** `Set-Cookie` that binds the request to this browser; the empty token takes it away. */
export function requestCookie(token: string): string {
  const age = token === '' ? 0 : SIGN_IN_LIFETIME;
  return `${COOKIE}=${token}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax`;
}

/** The request token in a request's cookies, or null. */
export function requestTokenOf(cookies: string | undefined): string | null {
  for (const pair of (cookies ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === COOKIE && value !== undefined && value !== '') return value;
  }
  return null;
}
