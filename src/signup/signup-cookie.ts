import { cookieValues } from '../platform/http/cookies.ts';
import { Problem } from '../platform/problems.ts';
import { SIGNUP_LIFETIME } from './begin.ts';

const NAME = 'signup_token';

/** The `Set-Cookie` that hands the token of step 1 to step 2; with an empty token, it removes the cookie. */
export function signupCookie(token: string): string {
  const age = token === '' ? 0 : SIGNUP_LIFETIME;
  return `${NAME}=${token}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax`;
}

/**
 * The headers of step 2 once it has spent its token: they remove the cookie, unless this browser has begun another sign-up
 * meanwhile, whose step 2 still needs it.
 */
export function withoutSpentCookie(spent: string, cookies: string | undefined): Record<string, string> {
  const held = signupTokenOf(cookies);
  return held === null || held === spent ? { 'set-cookie': signupCookie('') } : {};
}

/** The token that step 2 brings: the one it sends or, without one, its cookie's. Refuses with `signup_not_found`. */
export function signupTokenFrom(sent: string | null | undefined, cookies: string | undefined): string {
  const token = sent || signupTokenOf(cookies);
  if (token === null) throw new Problem('signup_not_found');
  return token;
}

/** The token in a request's cookies, or null. */
export function signupTokenOf(cookies: string | undefined): string | null {
  return cookieValues(cookies, NAME)[0] ?? null;
}
