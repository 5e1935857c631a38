import type { Config } from '../platform/config.ts';
import { cookieValues, hostCookie } from '../platform/http/cookies.ts';

/** The cookies of the pages. Only these pages read them; the API accepts bearers alone. */
export type PageCookie =
  | 'access'
  | 'refresh'
  | 'form'
  | 'pending'
  | 'mailed_next'
  | 'done'
  | `provider_${string}`;

type Http = { readonly http: Pick<Config['http'], 'publicUrl'> };

/** The name of a cookie of ours, as the browser knows it. */
export const nameOf = (config: Http, cookie: PageCookie) => hostCookie(config, `entrecore_${cookie}`);

/** The value of a cookie of ours, or null. */
export function readCookie(config: Http, header: string | undefined, cookie: PageCookie): string | null {
  return cookieValues(header, nameOf(config, cookie))[0] ?? null;
}

/** `Set-Cookie`; with `null` as its age the cookie lives as long as the browser runs, and the age 0 removes it. */
export function writeCookie(config: Http, cookie: PageCookie, value: string, maxAge: number | null): string {
  const age = maxAge === null ? '' : `; Max-Age=${maxAge}`;
  return `${nameOf(config, cookie)}=${value}; Path=/${age}; HttpOnly; SameSite=Lax`;
}
