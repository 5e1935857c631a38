import type { KeysDeps } from '../keys/key-ring.ts';
import { changePassword } from '../passwords/change.ts';
import { requestReset } from '../passwords/request-reset.ts';
import { findStoredPassword } from '../passwords/stored.ts';
import type { App } from '../platform/http/app.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { accountPage, section } from './account-page.ts';
import { personOf } from './browser-session.ts';
import { type Failure, failureOf } from './failure.ts';
import { field, form, hiddenUsername, textOf } from './form.ts';
import { type Html, html } from './html.ts';
import { leadOn } from './message.ts';
import { page, show } from './prepare.ts';
import { newPasswordFields } from './reset-page.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/password';
const FIELDS = ['current_password', 'new_password', 'confirm_new_password'];

/** Changing the password, which ends every other session. Whoever has none, or forgot it, gets a link by mail. */
export function passwordPages(app: App, deps: KeysDeps): void {
  // Password managers lead people there (W3C: A Well-Known URL for Changing Passwords).
  app.get('/.well-known/change-password', { config: page }, async (_request, reply) =>
    reply.redirect(PATH, 303),
  );

  app.get(PATH, { config: page }, async (request, reply) => {
    const principal = await personOf(deps, request, reply, { recent: true });
    // That page offers the mail with which to set a first password.
    if ((await findStoredPassword(deps.db, principal.userId)) === null)
      return reply.redirect('/account/security', 303);
    return show(reply, passwordPage(viewOf(deps, request, reply), principal, null));
  });

  app.post(PATH, { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, { recent: true });
    const typed = (name: string) => textOf(request, name, 4096);
    try {
      await changePassword(deps, principal, {
        current: typed('current_password'),
        password: typed('new_password'),
        confirmation: typed('confirm_new_password'),
      });
    } catch (error) {
      const failure = failureOf(view.words, error, FIELDS);
      return show(reply, passwordPage(view, principal, failure), failure);
    }
    return leadOn(deps, reply, '/account/security?done=password');
  });

  app.post(`${PATH}/mail`, { config: { ...page, limit: 'reset' } }, async (request, reply) => {
    const { account, caller } = await personOf(deps, request, reply);
    await limitAccount(deps, 'reset', { ip: caller.ip, account: account.email });
    await requestReset(deps, caller, account.email);
    return leadOn(deps, reply, '/account/security?done=password_mail');
  });
}

function passwordPage(view: View, principal: UserPrincipal, failure: Failure | null): Html {
  const { password: words, reset } = view.words;
  const { email } = principal.account;
  return accountPage(view, principal, {
    current: '/account/security',
    title: words.title,
    intro: words.intro,
    sections: html`<section class="card" aria-label="${words.title}">${form(view, {
      action: PATH,
      submit: words.submit,
      failure,
      fields: html`${hiddenUsername(email)}
${field(view, failure, { name: 'current_password', label: words.current, type: 'password', autocomplete: 'current-password', autofocus: true })}
${newPasswordFields(view, failure, { labels: reset, email })}`,
    })}</section>
${section({
  id: 'mail',
  title: words.forgot,
  body: html`<p>${words.forgotText}</p>
${form(view, { action: `${PATH}/mail`, submit: words.mail, tone: 'quiet' })}`,
})}`,
  });
}
