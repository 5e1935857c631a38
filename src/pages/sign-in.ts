import type { KeysDeps } from '../keys/key-ring.ts';
import { requestTokenOf } from '../mail-sign-in/request-token.ts';
import { login } from '../passwords/login.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { isProblem, type Problem } from '../platform/problems.ts';
import { devicesOf } from '../throttle/device-cookie.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { personOrNull, replaceSession, signOut } from './browser-session.ts';
import { writeCookie } from './cookies.ts';
import type { PageReply, PageRequest } from './exchange.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import { mailedSignInPage } from './mail-sign-in-page.ts';
import { leadOn } from './message.ts';
import { nextPage, withNext } from './paths.ts';
import { page, show } from './prepare.ts';
import { expiredPasswordPage } from './reset-password.ts';
import { otherWays, signInPage } from './sign-in-page.ts';
import { viewOf } from './view.ts';

/** How long the browser keeps a half-finished sign-in, in seconds; the token in it expires by itself. */
const PENDING_AGE = 600;

/** Signing in with a password, and out. */
export function signInPages(app: App, deps: KeysDeps): void {
  const ways = otherWays(deps.config);

  app.get('/account/sign-in', { config: page }, async (request, reply) => {
    const { next: asked, token } = request.query as { next?: unknown; token?: unknown };
    const next = nextPage(asked);
    if (typeof token === 'string' && ways.byMail) {
      const begun = requestTokenOf(deps.config, request.headers.cookie) !== null;
      return show(reply, mailedSignInPage(viewOf(deps, request, reply), { token, asked: begun }));
    }
    if ((await personOrNull(deps, request, reply)) !== null) return leadOn(deps, reply, next);
    return show(reply, signInPage(viewOf(deps, request, reply), { next, ...ways }));
  });

  app.post('/account/sign-in', { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const next = nextPage(textOf(request, 'next'));
    const name = textOf(request, 'username');
    try {
      await signInWithPassword(deps, request, reply, { name, password: textOf(request, 'password', 4096) });
    } catch (error) {
      if (isProblem(error, 'mfa_required')) return askSecondFactor(deps, reply, error, next);
      const expired = await expiredPasswordPage(deps, view, error);
      if (expired !== null) return show(reply, expired.body, expired.status);
      const failure = failureOf(view.words, error, ['username', 'password']);
      return show(reply, signInPage(view, { next, name, failure, ...ways }), failure);
    }
    return leadOn(deps, reply, next);
  });

  app.post('/account/sign-out', { config: page }, async (request, reply) => {
    await signOut(deps, request, reply);
    return reply.redirect('/account/sign-in', 303);
  });
}

/** `login` for a browser: its device cookies go in, its session cookies come out. Refuses as `login` does. */
export async function signInWithPassword(
  deps: KeysDeps,
  request: PageRequest,
  reply: PageReply,
  { name, password }: { name: string; password: string },
): Promise<void> {
  const caller = callerOf(request);
  await limitAccount(deps, 'login', { ip: caller.ip, account: name });
  const devices = devicesOf(deps, request.headers.cookie);
  await replaceSession(deps, request, reply, await login(deps, caller, { name, password, devices }));
}

/** Leads a sign-in that was refused with `mfa_required` to its second factor, and from there to `next`. */
export function askSecondFactor<Answer>(
  deps: KeysDeps,
  reply: PageReply & { redirect(url: string, code: number): Answer },
  { members }: Problem,
  next: string,
): Answer {
  keepPending(deps, reply, String(members.mfa_token));
  return reply.redirect(withNext('/account/sign-in/second-factor', next), 303);
}

/** Keeps the token of a sign-in that waits for its second factor; '' forgets it. */
export function keepPending({ config }: KeysDeps, reply: PageReply, token: string): void {
  reply.header('set-cookie', writeCookie(config, 'pending', token, token === '' ? 0 : PENDING_AGE));
}
