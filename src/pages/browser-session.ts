import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { callerOf } from '../platform/http/app.ts';
import { isProblem, Problem } from '../platform/problems.ts';
import { authenticate } from '../sessions/authenticate.ts';
import { endSessions } from '../sessions/end.ts';
import { logout } from '../sessions/logout.ts';
import type { TokenPrincipal, UserPrincipal } from '../sessions/principal.ts';
import { refresh } from '../sessions/refresh.ts';
import { sessionOfRefreshToken } from '../sessions/revoke.ts';
import type { TokenBody } from '../sessions/token.ts';
import { keepDevice } from '../throttle/device-cookie.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { readCookie, writeCookie } from './cookies.ts';
import type { PageReply, PageRequest } from './exchange.ts';
import { SIGNED_OUT } from './failure.ts';
import { requireOwnPage } from './form-token.ts';

// Browsers ignore a longer one, and keep the one in whose place it comes (RFC 6265bis §5.7). An access token with hundreds of
// permissions is longer: without it, each page gets another for the refresh token.
const LONGEST_COOKIE = 4_000;

/** Puts a session's tokens where only these pages read them: cookies that no script and no other site can use. */
export function keepTokens(deps: KeysDeps, reply: PageReply, tokens: TokenBody): void {
  const { config } = deps;
  const access = writeCookie(config, 'access', tokens.access_token, tokens.expires_in);
  const fits = access.length <= LONGEST_COOKIE;
  reply.header('set-cookie', fits ? access : writeCookie(config, 'access', '', 0));
  reply.header(
    'set-cookie',
    writeCookie(config, 'refresh', tokens.refresh_token, config.sessions.idleLifetime),
  );
  keepDevice(deps, reply, tokens);
}

/**
 * Keeps the tokens of a sign-in in place of the browser's former session, and ends that one: from now on only a thief
 * could still use it (ASVS 7.2.4). Forgets what a page was still to tell whose it was.
 */
export async function replaceSession(
  deps: KeysDeps,
  request: PageRequest,
  reply: PageReply,
  tokens: TokenBody,
): Promise<void> {
  const { cookie } = request.headers;
  const former = readCookie(deps.config, cookie, 'refresh');
  if (former !== null) await endFormer(deps, callerOf(request), former);
  // Last, so that where ending it failed, the browser still holds the former session, and the next sign-in ends it.
  keepTokens(deps, reply, tokens);
  if (readCookie(deps.config, cookie, 'done') !== null)
    reply.header('set-cookie', writeCookie(deps.config, 'done', '', 0));
}

async function endFormer(deps: KeysDeps, caller: Caller, refreshToken: string): Promise<void> {
  const session = await sessionOfRefreshToken(deps, refreshToken);
  if (session === null) return;
  const actor = { kind: 'user', id: session.userId } as const;
  await endSessions(deps, { ...session, reason: 'signed_in_anew', actor, caller });
}

/** Makes the browser forget its session, and what a page was still to tell whose it was. */
export function dropTokens({ config }: KeysDeps, reply: PageReply): void {
  reply.header('set-cookie', writeCookie(config, 'access', '', 0));
  reply.header('set-cookie', writeCookie(config, 'refresh', '', 0));
  reply.header('set-cookie', writeCookie(config, 'done', '', 0));
}

/**
 * Who uses this browser, by its access token or, when that has expired, by a new one for its refresh token. Refuses
 * with `not_authenticated`; where `recent` is set, also with `reauthentication_required`; with `form_refused` what was
 * sent from the page of somebody who was signed in before; and with `rate_limited` where this person has used up what
 * the page's group allows.
 */
export async function personOf(
  deps: KeysDeps,
  request: PageRequest,
  reply: PageReply,
  { recent = false } = {},
): Promise<UserPrincipal> {
  const { principal } = await sessionOf(deps, request, reply, recent);
  requireOwnPage(request, principal.userId);
  const { limit } = request.routeOptions.config;
  // The guard counts only people with a bearer, and these pages know people by their cookies.
  if (limit !== undefined)
    await limitAccount(deps, limit, { ip: principal.caller.ip, account: principal.userId });
  return principal;
}

/** As `personOf`; null where nobody is signed in. */
export function personOrNull(
  deps: KeysDeps,
  request: PageRequest,
  reply: PageReply,
): Promise<UserPrincipal | null> {
  return personOf(deps, request, reply).catch((error: unknown) => {
    if (isProblem(error, 'not_authenticated')) return null;
    throw error;
  });
}

/** Ends the session of this browser, if there is one. */
export async function signOut(deps: KeysDeps, request: PageRequest, reply: PageReply): Promise<void> {
  try {
    const { token } = await sessionOf(deps, request, reply, false);
    const principal = await authenticate(deps, token, callerOf(request), { access: 'token', recent: false });
    await logout(deps, principal as TokenPrincipal);
  } catch (error) {
    if (!isSignedOut(error)) throw error;
  }
  dropTokens(deps, reply);
}

async function sessionOf(
  deps: KeysDeps,
  request: PageRequest,
  reply: PageReply,
  recent: boolean,
): Promise<{ principal: UserPrincipal; token: string }> {
  const cookies = request.headers.cookie;
  const caller = callerOf(request);
  const known = async (token: string) => {
    const principal = await authenticate(deps, token, caller, { access: 'user', recent });
    return { principal: principal as UserPrincipal, token };
  };
  const access = readCookie(deps.config, cookies, 'access');
  if (access !== null) {
    const found = await known(access).catch(unlessSignedOut);
    if (found !== null) return found;
  }
  const refreshToken = readCookie(deps.config, cookies, 'refresh');
  if (refreshToken !== null) {
    const tokens = await refresh(deps, caller, refreshToken).catch(unlessSignedOut);
    if (tokens !== null) {
      keepTokens(deps, reply, tokens);
      return known(tokens.access_token);
    }
  }
  if (access !== null || refreshToken !== null) dropTokens(deps, reply);
  throw new Problem('not_authenticated');
}

const NO_SESSION: ReadonlySet<string> = new Set([
  ...SIGNED_OUT,
  'user_required',
  'invalid_refresh_token',
  'refresh_token_reused',
]);

function isSignedOut(error: unknown): boolean {
  return error instanceof Problem && NO_SESSION.has(error.code);
}

// A database that is away must sign nobody out.
function unlessSignedOut(error: unknown): null {
  if (isSignedOut(error)) return null;
  throw error;
}
