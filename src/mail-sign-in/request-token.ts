import type { Config } from '../platform/config.ts';
import { cookieValues, hostCookie } from '../platform/http/cookies.ts';
import type { Secrets } from '../platform/secrets.ts';

/** How long a mailed link or code works, in seconds (ASVS 6.5.5: at most ten minutes). */
export const SIGN_IN_LIFETIME = 600;

const signed = (id: string) => `sign-in-request\0${id}`;

/** The token that the browser that asked keeps; without it the link and the code are useless. It reveals no account. */
export function encodeRequestToken(secrets: Secrets, id: string): string {
  return `${id}.${secrets.mac('cookie', signed(id)).toString('base64url')}`;
}

/** The request of a token that this service made, or null. */
export function decodeRequestToken(secrets: Secrets, token: string): string | null {
  const [id = '', mac = ''] = token.split('.', 2);
  return secrets.verifyMac('cookie', signed(id), Buffer.from(mac, 'base64url')) ? id : null;
}

type Http = { readonly http: Pick<Config['http'], 'publicUrl'> };

// If a sibling host could plant a request of its own, whoever follows its link would be signed in to that host's account.
const nameOf = (config: Http) => hostCookie(config, 'sign_in_request');

/** `Set-Cookie` that binds the request to this browser; an empty token removes the cookie. */
export function requestCookie(config: Http, token: string): string {
  const age = token === '' ? 0 : SIGN_IN_LIFETIME;
  return `${nameOf(config)}=${token}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax`;
}

/** The request token in a request's cookies, or null. */
export function requestTokenOf(config: Http, cookies: string | undefined): string | null {
  return cookieValues(cookies, nameOf(config))[0] ?? null;
}
