import type { Config } from '../platform/config.ts';
import { sha256 } from '../platform/digest.ts';
import { cookieValues, hostCookie, withoutOldest } from '../platform/http/cookies.ts';

/** How long a person may take at the provider, in seconds. */
export const STATE_LIFETIME = 600;

const TOKEN = /^[\w-]{43}$/;

/**
 * What one sign-in derives from the random secret that only the browser's cookie holds: nothing that is stored or sent
 * to the provider gives the secret away, and no value can be used in place of another.
 */
export interface Binding {
  /** Stored, to recognise the browser. */
  readonly browser: string;
  /** PKCE towards the provider (RFC 7636). */
  readonly verifier: string;
  /** OpenID Connect Core §15.5.2: a hash of what the browser's cookie holds. */
  readonly nonce: string;
}

/** The values derived from a secret. */
export function bindingOf(secret: string): Binding {
  const derive = (purpose: string) => sha256(`${purpose}\0${secret}`).toString('base64url');
  return { browser: derive('browser'), verifier: derive('pkce'), nonce: derive('nonce') };
}

const PREFIX = 'entrecore_oauth_';
// A cookie for each sign-in under way, so that two tabs do not disturb each other.
function nameOf(config: Pick<Config, 'http'>, state: string): string {
  return hostCookie(config, `${PREFIX}${state.slice(0, 12)}`);
}

/** How many sign-ins may be under way in a browser. */
export const MOST_UNDER_WAY = 8;

/** `Set-Cookie` that binds one more sign-in to this browser, and forgets the oldest where it has too many under way. */
export function newBinding(
  config: Pick<Config, 'http'>,
  cookies: string | undefined,
  { state, secret }: { state: string; secret: string },
): string[] {
  const oldest = withoutOldest(cookies, hostCookie(config, PREFIX), MOST_UNDER_WAY - 1);
  return [...oldest, bindingCookie(config, state, secret)];
}

/** `Set-Cookie` that binds a sign-in to this browser; an empty secret removes the cookie. */
export function bindingCookie(config: Pick<Config, 'http'>, state: string, secret: string): string {
  const age = secret === '' ? 0 : STATE_LIFETIME;
  return `${nameOf(config, state)}=${secret}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax`;
}

/** The secret of a sign-in in a request's cookies, or null. */
export function bindingSecretOf(
  config: Pick<Config, 'http'>,
  state: string,
  cookies: string | undefined,
): string | null {
  return cookieValues(cookies, nameOf(config, state)).find(value => TOKEN.test(value)) ?? null;
}
