import type { Config } from '../config.ts';

/**
 * The name of a cookie of ours that no sibling host may plant: with `__Host-` (RFC 6265bis §4.1.3.2), which browsers take
 * over https alone.
 */
export function hostCookie(
  { http }: { readonly http: Pick<Config['http'], 'publicUrl'> },
  name: string,
): string {
  return `${http.publicUrl.startsWith('https:') ? '__Host-' : ''}${name}`;
}

/** The values of the cookies of a name in a request's header; empty ones, which say nothing, are left out. */
export function cookieValues(header: string | undefined, name: string): string[] {
  return (header ?? '').split(';').flatMap(pair => {
    const [key, value] = pair.trim().split('=', 2);
    return key === name && value !== undefined && value !== '' ? [value] : [];
  });
}
