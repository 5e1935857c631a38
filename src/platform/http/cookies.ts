import type { Config } from '../config.ts';

/**
 * The name of a cookie of ours. Over https it begins with `__Host-` (RFC 6265bis §4.1.3.2), so that no sibling host can plant
 * it; browsers take this prefix over https alone.
 */
export function hostCookie(
  { http }: { readonly http: Pick<Config['http'], 'publicUrl'> },
  name: string,
): string {
  return `${http.publicUrl.startsWith('https:') ? '__Host-' : ''}${name}`;
}

/** The values of all cookies with this name in a request's header; empty ones, which say nothing, are left out. */
export function cookieValues(header: string | undefined, name: string): string[] {
  return (header ?? '').split(';').flatMap(pair => {
    // A value may itself contain `=` (RFC 6265 §4.1.1).
    const [key, ...parts] = pair.trim().split('=');
    const value = parts.join('=');
    return key === name && value !== '' ? [value] : [];
  });
}
