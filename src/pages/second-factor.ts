import type { AnsweredFactor } from '../authentication/answer-factor.ts';
import { answerWithPasskey, beginPasskeySecondFactor } from '../authentication/passkey.ts';
import { answerSecondFactor, findPendingLogin, textSecondFactor } from '../authentication/second-factor.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { factorKindsOf, secondFactorsOf } from '../mfa/factors.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { isProblem, Problem } from '../platform/problems.ts';
import { replaceSession } from './browser-session.ts';
import { readCookie } from './cookies.ts';
import type { PageRequest } from './exchange.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import { leadOn } from './message.ts';
import { assertionIn, confirmingPasskey } from './passkey-form.ts';
import { nextPage } from './paths.ts';
import { page, show } from './prepare.ts';
import { expiredPasswordPage } from './reset-password.ts';
import { chosenFactor, secondFactorPage } from './second-factor-page.ts';
import { keepPending } from './sign-in.ts';
import { otherWays, signInPage } from './sign-in-page.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/sign-in/second-factor';

/** The second factor of a sign-in that a password began. The browser holds its token in a cookie for ten minutes. */
export function secondFactorPages(app: App, deps: KeysDeps): void {
  const pendingIn = (request: PageRequest) =>
    readCookie(deps.config, request.headers.cookie, 'pending') ?? '';

  /** What the account can answer with; null where no sign-in waits. */
  const kindsFor = async (token: string): Promise<AnsweredFactor[] | null> => {
    const pending = await findPendingLogin(deps, token);
    if (pending === null) return null;
    return (await factorKindsOf(deps.db, pending.userId)) as AnsweredFactor[];
  };

  const passkeyFor = async (view: View, token: string, next: string) => {
    const pending = await findPendingLogin(deps, token);
    if (pending === null) return null;
    if (!(await secondFactorsOf(deps.db, pending.userId)).includes('passkey')) return null;
    return confirmingPasskey(view, PATH, { ask: await beginPasskeySecondFactor(deps, token), next });
  };

  // Asks for a passkey, and so keeps a challenge.
  app.get(PATH, { config: { ...page, limit: 'mfa' } }, async (request, reply) => {
    const { next, factor, sent } = request.query as Record<string, unknown>;
    const kinds = await kindsFor(pendingIn(request));
    if (kinds === null) return reply.redirect('/account/sign-in', 303);
    const view = viewOf(deps, request, reply);
    return show(
      reply,
      secondFactorPage(view, {
        action: PATH,
        next: nextPage(next),
        kinds,
        factor: chosenFactor(kinds, factor),
        sent: sent !== undefined,
        passkey: await passkeyFor(view, pendingIn(request), nextPage(next)),
      }),
    );
  });

  for (const [path, answer] of [
    [PATH, answerWithCode],
    [`${PATH}/passkey`, answerWithKey],
  ] as const) {
    app.post(path, { config: { ...page, limit: 'mfa' } }, async (request, reply) => {
      const view = viewOf(deps, request, reply);
      const token = pendingIn(request);
      const next = nextPage(textOf(request, 'next'));
      const kinds = (await kindsFor(token)) ?? [];
      const factor = chosenFactor(kinds, textOf(request, 'factor'));
      try {
        await replaceSession(deps, request, reply, await answer(deps, request, { token, factor }));
      } catch (error) {
        const expired = await expiredPasswordPage(deps, view, error);
        if (expired !== null) return show(reply, expired.body, expired.status);
        const failure = failureOf(view.words, error, ['code']);
        // The fifth wrong code burns the token: then there is nothing left to answer.
        if ((await kindsFor(token)) === null) {
          keepPending(deps, reply, '');
          const over = beginAgain(deps, view, next, error);
          return show(reply, over.body, over.failure);
        }
        const passkey = await passkeyFor(view, token, next);
        const body = secondFactorPage(view, { action: PATH, next, kinds, factor, failure, passkey });
        return show(reply, body, failure);
      }
      keepPending(deps, reply, '');
      return leadOn(deps, reply, next);
    });
  }

  app.post(`${PATH}/text`, { config: { ...page, limit: 'mfa' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const token = pendingIn(request);
    const next = nextPage(textOf(request, 'next'));
    try {
      await textSecondFactor(deps, callerOf(request), token);
    } catch (error) {
      const failure = failureOf(view.words, error);
      const kinds = await kindsFor(token);
      if (kinds === null) {
        const over = beginAgain(deps, view, next, error);
        return show(reply, over.body, over.failure);
      }
      const passkey = await passkeyFor(view, token, next);
      const body = secondFactorPage(view, { action: PATH, next, kinds, factor: 'sms', failure, passkey });
      return show(reply, body, failure);
    }
    return reply.redirect(`${PATH}?factor=sms&sent=1&next=${encodeURIComponent(next)}`, 303);
  });
}

/** The sign-in page, which says why a sign-in that waited is over. */
function beginAgain({ config }: KeysDeps, view: View, next: string, error: unknown) {
  const locked = isProblem(error, 'too_many_attempts');
  const failure = failureOf(view.words, locked ? error : new Problem('invalid_mfa_token'));
  const body = signInPage(view, { next, failure, ...otherWays(config) });
  return { body, failure };
}

interface Pending {
  readonly token: string;
  readonly factor: AnsweredFactor;
}

function answerWithCode(deps: KeysDeps, request: PageRequest, { token, factor }: Pending) {
  return answerSecondFactor(deps, callerOf(request), {
    mfaToken: token,
    factor,
    code: textOf(request, 'code', 64),
  });
}

function answerWithKey(deps: KeysDeps, request: PageRequest, { token }: Pending) {
  return answerWithPasskey(deps, callerOf(request), { mfaToken: token, response: assertionIn(request) });
}
