import type { Config } from '../platform/config.ts';
import { sha256 } from '../platform/digest.ts';
import { cookieValues, hostCookie } from '../platform/http/cookies.ts';

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

// A cookie for each sign-in under way, so that two tabs do not disturb each other.
function nameOf(config: Pick<Config, 'http'>, state: string): string {
  return hostCookie(config, `entrecore_oauth_${state.slice(0, 12)}`);
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
