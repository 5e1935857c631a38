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

/**
 * What removes all but the `most` newest of the cookies whose names begin with this, as `Set-Cookie`. Whoever can make a browser
 * keep one more for each visit could otherwise fill it, until it drops those that keep somebody signed in.
 */
export function withoutOldest(header: string | undefined, prefix: string, most: number): string[] {
  const names = (header ?? '')
    .split(';')
    .map(pair => pair.trim().split('=', 1)[0] as string)
    .filter(name => name.startsWith(prefix));
  // Browsers send in front what they have had for longest (RFC 6265 §5.4).
  const oldest = names.slice(0, Math.max(0, names.length - most));
  return oldest.map(name => `${name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`);
}
