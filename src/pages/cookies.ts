import type { Config } from '../platform/config.ts';

/** The cookies of the pages. Only these pages read them; the API knows bearers alone. */
export type PageCookie = 'access' | 'refresh' | 'form' | 'pending' | `provider_${string}`;

type Http = { readonly http: Pick<Config['http'], 'publicUrl'> };

/** `__Host-` binds a cookie to this very host (RFC 6265bis §4.1.3.2); browsers take it over https alone. */
function nameOf({ http }: Http, cookie: PageCookie): string {
  return `${http.publicUrl.startsWith('https:') ? '__Host-' : ''}entrecore_${cookie}`;
}

/** The value of a cookie of ours, or null. */
export function readCookie(config: Http, header: string | undefined, cookie: PageCookie): string | null {
  const name = nameOf(config, cookie);
  for (const pair of (header ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name && value !== undefined && value !== '') return value;
  }
  return null;
}

/** `Set-Cookie`; without an age it lives as long as the browser runs, and the age 0 takes it away. */
export function writeCookie(config: Http, cookie: PageCookie, value: string, maxAge: number | null): string {
  const age = maxAge === null ? '' : `; Max-Age=${maxAge}`;
  return `${nameOf(config, cookie)}=${value}; Path=/${age}; HttpOnly; SameSite=Lax`;
}
