import type { KeysDeps } from '../keys/key-ring.ts';
import { signInByMail } from '../mail-sign-in/answer.ts';
import { requestSignIn, requireSignInByMail } from '../mail-sign-in/request.ts';
import { requestCookie, requestTokenOf, SIGN_IN_LIFETIME } from '../mail-sign-in/request-token.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { isProblem } from '../platform/problems.ts';
import { devicesOf } from '../throttle/device-cookie.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { replaceSession } from './browser-session.ts';
import { readCookie, writeCookie } from './cookies.ts';
import type { PageReply, PageRequest } from './exchange.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import {
  askForMailPage as askPage,
  mailedCodePage as codePage,
  MAIL_SIGN_IN as PATH,
} from './mail-sign-in-page.ts';
import { leadOn } from './message.ts';
import { nextPage } from './paths.ts';
import { page, show } from './prepare.ts';
import { askSecondFactor } from './sign-in.ts';
import { viewOf } from './view.ts';

/** Signing in with a mailed link or code. The browser that asked holds a cookie; the mail is worth nothing without it. */
export function mailSignInPages(app: App, deps: KeysDeps): void {
  // The mailed link cannot say where to go on, as whoever forwards it would say so too; and it opens in a tab of its own.
  const nextOf = ({ headers }: PageRequest) =>
    nextPage(readCookie(deps.config, headers.cookie, 'mailed_next'));
  /** Binds the request to this browser, with where to go on; an empty token forgets both. */
  const keepRequest = (reply: PageReply, token: string, next: string) => {
    reply.header('set-cookie', requestCookie(deps.config, token));
    const age = token === '' ? 0 : SIGN_IN_LIFETIME;
    reply.header('set-cookie', writeCookie(deps.config, 'mailed_next', next, age));
  };

  app.get(PATH, { config: page }, async (request, reply) => {
    requireSignInByMail(deps);
    const next = nextPage((request.query as { next?: unknown }).next);
    return show(reply, askPage(viewOf(deps, request, reply), { email: '', failure: null, next }));
  });

  app.post(PATH, { config: { ...page, limit: 'reset' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const email = textOf(request, 'email');
    const next = nextPage(textOf(request, 'next'));
    const caller = callerOf(request);
    try {
      await limitAccount(deps, 'reset', { ip: caller.ip, account: email });
      const { token } = await requestSignIn(deps, caller, {
        email,
        devices: devicesOf(deps, request.headers.cookie, undefined),
      });
      keepRequest(reply, token, next);
    } catch (error) {
      const failure = failureOf(view.words, error, ['email']);
      return show(reply, askPage(view, { email, failure, next }), failure);
    }
    return reply.redirect(`${PATH}/code`, 303);
  });

  app.get(`${PATH}/code`, { config: page }, async (request, reply) => {
    requireSignInByMail(deps);
    if (requestTokenOf(deps.config, request.headers.cookie) === null) return reply.redirect(PATH, 303);
    return show(reply, codePage(viewOf(deps, request, reply), { failure: null, next: nextOf(request) }));
  });

  app.post(`${PATH}/code`, { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const next = nextOf(request);
    const token = textOf(request, 'token', 200);
    const proof = token === '' ? { code: textOf(request, 'code', 16) } : { token };
    try {
      const tokens = await signInByMail(deps, callerOf(request), {
        requestToken: requestTokenOf(deps.config, request.headers.cookie) ?? '',
        proof,
        devices: devicesOf(deps, request.headers.cookie),
      });
      await replaceSession(deps, request, reply, tokens);
    } catch (error) {
      if (isProblem(error, 'mfa_required')) {
        keepRequest(reply, '', '');
        return askSecondFactor(deps, reply, error, next);
      }
      const failure = failureOf(view.words, error, ['code']);
      return show(reply, codePage(view, { failure, next }), failure);
    }
    keepRequest(reply, '', '');
    return leadOn(deps, reply, next);
  });
}
