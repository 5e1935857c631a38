import type { KeysDeps } from '../keys/key-ring.ts';
import type { App } from '../platform/http/app.ts';
import { updateProfile } from '../profile/update.ts';
import { sendVerification } from '../profile/verify-email.ts';
import { personOf } from './browser-session.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import { leadOn } from './message.ts';
import { page, show } from './prepare.ts';
import { type ProfileValues, profilePage } from './profile-page.ts';
import { phoneOf } from './sign-up-page.ts';
import { viewOf } from './view.ts';

/** The first page of the account: who one is, and the address. */
export function profilePages(app: App, deps: KeysDeps): void {
  app.get('/account', { config: page }, async (request, reply) => {
    const principal = await personOf(deps, request, reply);
    return show(reply, profilePage(viewOf(deps, request, reply), principal, {}));
  });

  app.post('/account/profile', { config: { ...page, limit: 'profile' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply);
    const values: ProfileValues = {
      first_name: textOf(request, 'first_name', 400),
      last_name: textOf(request, 'last_name', 400),
      username: textOf(request, 'username'),
      phone_number: textOf(request, 'phone_number', 64),
    };
    try {
      const { username, phone_number, ...names } = values;
      await updateProfile(deps, principal, {
        ...names,
        ...(username !== principal.account.username && { username }),
        phone_number: phone_number.trim() === '' ? null : phoneOf(phone_number),
      });
    } catch (error) {
      const failure = failureOf(view.words, error, Object.keys(values));
      return show(reply, profilePage(view, principal, { values, profile: failure }), failure);
    }
    return leadOn(deps, reply, '/account?done=profile');
  });

  app.post('/account/email', { config: { ...page, limit: 'profile' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply);
    const email = textOf(request, 'email');
    try {
      await updateProfile(deps, principal, { email });
    } catch (error) {
      const failure = failureOf(view.words, error, ['email']);
      return show(reply, profilePage(view, principal, { newEmail: email, email: failure }), failure);
    }
    const done = email === principal.account.email ? 'email_kept' : 'email';
    return leadOn(deps, reply, `/account?done=${done}`);
  });

  app.post('/account/email/verification', { config: { ...page, limit: 'mail' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply);
    try {
      await sendVerification(deps, principal);
    } catch (error) {
      const failure = failureOf(view.words, error);
      return show(reply, profilePage(view, principal, { email: failure }), failure);
    }
    return leadOn(deps, reply, '/account?done=verification');
  });
}
