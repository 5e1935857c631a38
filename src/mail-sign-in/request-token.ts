import type { Config } from '../platform/config.ts';
import type { Secrets } from '../platform/secrets.ts';

/** How long a mailed link or code works, in seconds (ASVS 6.5.5: at most ten minutes). */
export const SIGN_IN_LIFETIME = 600;

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

type Http = { readonly http: Pick<Config['http'], 'publicUrl'> };

// `__Host-` keeps sibling hosts from planting a request of their own: its link would sign whoever follows it in to their account.
function nameOf({ http }: Http): string {
  return `${http.publicUrl.startsWith('https:') ? '__Host-' : ''}sign_in_request`;
}

/** `Set-Cookie` that binds the request to this browser; the empty token takes it away. */
export function requestCookie(config: Http, token: string): string {
  const age = token === '' ? 0 : SIGN_IN_LIFETIME;
  return `${nameOf(config)}=${token}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax`;
}

/** The request token in a request's cookies, or null. */
export function requestTokenOf(config: Http, cookies: string | undefined): string | null {
  const wanted = nameOf(config);
  for (const pair of (cookies ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === wanted && value !== undefined && value !== '') return value;
  }
  return null;
}
