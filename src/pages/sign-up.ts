import type { UserBody } from '../accounts/account.ts';
import { signInNewAccount } from '../authentication/passkey.ts';
import { findChallenge } from '../challenges/consume.ts';
import { describeDevice } from '../delivery/device.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { Problem } from '../platform/problems.ts';
import { begin } from '../signup/begin.ts';
import { finish } from '../signup/finish.ts';
import { finishWithPasskey } from '../signup/finish-with-passkey.ts';
import { signupCookie, signupTokenOf } from '../signup/signup-cookie.ts';
import { personOrNull, replaceSession } from './browser-session.ts';
import type { PageReply, PageRequest } from './exchange.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import { donePage } from './gone-page.ts';
import { leadOn } from './message.ts';
import { creationIn } from './passkey-form.ts';
import { page, show } from './prepare.ts';
import { signInWithPassword } from './sign-in.ts';
import { otherWays } from './sign-in-page.ts';
import { choosePasswordPage, phoneOf, type SignUpValues, signUpPage } from './sign-up-page.ts';
import { viewOf } from './view.ts';

const PATH = '/account/sign-up';
const FIELDS = ['first_name', 'last_name', 'email', 'phone_number'];

/** Signing up in two steps, as the API does it: who one is, then a password or a passkey. */
export function signUpPages(app: App, deps: KeysDeps): void {
  const { providers } = otherWays(deps.config);

  /** Signs in whoever has just made an account. */
  const enter = async <Answer>(
    reply: PageReply & { redirect(url: string, code: number): Answer },
    signIn: () => Promise<void>,
  ): Promise<Answer> => {
    try {
      await signIn();
    } catch (error) {
      // The account exists all the same, and what stopped this sign-in may have passed by the next one.
      if (error instanceof Problem) return reply.redirect('/account/sign-in', 303);
      throw error;
    }
    return leadOn(deps, reply, '/account?done=welcome');
  };

  app.get(PATH, { config: page }, async (request, reply) => {
    if ((await personOrNull(deps, request, reply)) !== null) return reply.redirect('/account', 303);
    return show(reply, signUpPage(viewOf(deps, request, reply), { failure: null, providers }));
  });

  app.post(PATH, { config: { ...page, limit: 'signup' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const values: SignUpValues = {
      first_name: textOf(request, 'first_name', 400),
      last_name: textOf(request, 'last_name', 400),
      email: textOf(request, 'email'),
      phone_number: textOf(request, 'phone_number', 64),
    };
    try {
      const begun = await begin(deps, callerOf(request), {
        firstName: values.first_name,
        lastName: values.last_name,
        email: values.email,
        phoneNumber: phoneOf(values.phone_number),
      });
      reply.header('set-cookie', signupCookie(begun.token));
    } catch (error) {
      const failure = failureOf(view.words, error, FIELDS);
      return show(reply, signUpPage(view, { values, failure, providers }), failure);
    }
    return reply.redirect(`${PATH}/password`, 303);
  });

  app.get(`${PATH}/password`, { config: page }, async (request, reply) => {
    const email = await pendingAddress(deps, request);
    if (email === null) return reply.redirect(PATH, 303);
    return show(reply, choosePasswordPage(viewOf(deps, request, reply), { email, failure: null }));
  });

  app.post(`${PATH}/password`, { config: { ...page, limit: 'signup' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const email = await pendingAddress(deps, request);
    if (email === null) return reply.redirect(PATH, 303);
    const password = textOf(request, 'password', 4096);
    const shown = textOf(request, 'username') || email;
    try {
      const user = await finish(deps, callerOf(request), {
        // The address that the page showed: a sign-up in another tab may have replaced the cookie since then.
        email: shown,
        password,
        confirmation: textOf(request, 'confirm_password', 4096),
        token: signupTokenOf(request.headers.cookie) ?? '',
      });
      reply.header('set-cookie', signupCookie(''));
      if (user === null) return reply.redirect(`${PATH}/sent`, 303);
    } catch (error) {
      const failure = failureOf(view.words, error, ['password', 'confirm_password']);
      return show(reply, choosePasswordPage(view, { email, failure }), failure);
    }
    return enter(reply, () => signInWithPassword(deps, request, reply, { name: email, password }));
  });

  app.post(`${PATH}/passkey`, { config: { ...page, limit: 'signup' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const email = await pendingAddress(deps, request);
    if (email === null) return reply.redirect(PATH, 303);
    const caller = callerOf(request);
    let user: UserBody | null;
    try {
      user = await finishWithPasskey(deps, caller, {
        email,
        name: describeDevice(caller.userAgent ?? '') ?? view.words.passkeys.suggestion,
        response: creationIn(request),
        token: signupTokenOf(request.headers.cookie) ?? '',
      });
    } catch (error) {
      const failure = failureOf(view.words, error);
      return show(reply, choosePasswordPage(view, { email, failure }), failure);
    }
    reply.header('set-cookie', signupCookie(''));
    if (user === null) return reply.redirect(`${PATH}/sent`, 303);
    const { id } = user;
    return enter(reply, async () =>
      replaceSession(deps, request, reply, await signInNewAccount(deps, caller, id)),
    );
  });

  app.get(`${PATH}/sent`, { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { sentTitle: title, sent: text, signIn: label } = view.words.signUp;
    return show(reply, donePage(view, { title, text, label, href: '/account/sign-in' }));
  });
}

async function pendingAddress(deps: KeysDeps, request: PageRequest): Promise<string | null> {
  const token = signupTokenOf(request.headers.cookie) ?? '';
  return (await findChallenge(deps, deps.db, { purpose: 'signup', token }))?.sentTo ?? null;
}
