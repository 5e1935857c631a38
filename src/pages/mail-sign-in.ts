import type { KeysDeps } from '../keys/key-ring.ts';
import { signInByMail } from '../mail-sign-in/answer.ts';
import { requestSignIn, requireSignInByMail } from '../mail-sign-in/request.ts';
import { requestCookie, requestTokenOf } from '../mail-sign-in/request-token.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { Problem } from '../platform/problems.ts';
import { devicesOf } from '../throttle/device-cookie.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { replaceSession } from './browser-session.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import {
  askForMailPage as askPage,
  mailedCodePage as codePage,
  MAIL_SIGN_IN as PATH,
} from './mail-sign-in-page.ts';
import { page, show } from './prepare.ts';
import { keepPending } from './sign-in.ts';
import { viewOf } from './view.ts';

/** Signing in with a mailed link or code. The browser that asked holds a cookie; the mail is worth nothing without it. */
export function mailSignInPages(app: App, deps: KeysDeps): void {
  app.get(PATH, { config: page }, async (request, reply) => {
    requireSignInByMail(deps);
    return show(reply, askPage(viewOf(deps, request, reply), { email: '', failure: null }));
  });

  app.post(PATH, { config: { ...page, limit: 'reset' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const email = textOf(request, 'email');
    const caller = callerOf(request);
    try {
      await limitAccount(deps, 'reset', { ip: caller.ip, account: email });
      const { token } = await requestSignIn(deps, caller, email);
      reply.header('set-cookie', requestCookie(deps.config, token));
    } catch (error) {
      const failure = failureOf(view.words, error, ['email']);
      return show(reply, askPage(view, { email, failure }), failure.status);
    }
    return reply.redirect(`${PATH}/code`, 303);
  });

  app.get(`${PATH}/code`, { config: page }, async (request, reply) => {
    requireSignInByMail(deps);
    if (requestTokenOf(deps.config, request.headers.cookie) === null) return reply.redirect(PATH, 303);
    return show(reply, codePage(viewOf(deps, request, reply), null));
  });

  app.post(`${PATH}/code`, { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const token = textOf(request, 'token', 200);
    const proof = token === '' ? { code: textOf(request, 'code', 16) } : { token };
    try {
      const tokens = await signInByMail(deps, callerOf(request), {
        requestToken: requestTokenOf(deps.config, request.headers.cookie) ?? '',
        proof,
        devices: devicesOf(deps, request.headers.cookie, undefined),
      });
      await replaceSession(deps, request, reply, tokens);
    } catch (error) {
      if (error instanceof Problem && error.code === 'mfa_required') {
        reply.header('set-cookie', requestCookie(deps.config, ''));
        keepPending(deps, reply, String(error.members.mfa_token));
        return reply.redirect('/account/sign-in/second-factor', 303);
      }
      const failure = failureOf(view.words, error, ['code']);
      return show(reply, codePage(view, failure), failure.status);
    }
    reply.header('set-cookie', requestCookie(deps.config, ''));
    return reply.redirect('/account', 303);
  });
}
