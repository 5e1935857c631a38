import { requestReset } from '../passwords/request-reset.ts';
import type { Deps } from '../platform/deps.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { type Failure, failureOf } from './failure.ts';
import { field, form, textOf } from './form.ts';
import { donePage } from './gone-page.ts';
import { type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import { page, show } from './prepare.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/forgot-password';

/** Asking for a reset link. The answer is the same whether the address has an account or not. */
export function forgotPasswordPages(app: App, deps: Deps): void {
  app.get(PATH, { config: page }, async (request, reply) =>
    show(reply, forgotPage(viewOf(deps, request, reply), { email: '', failure: null })),
  );

  app.post(PATH, { config: { ...page, limit: 'reset' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const email = textOf(request, 'email');
    const caller = callerOf(request);
    try {
      await limitAccount(deps, 'reset', { ip: caller.ip, account: email });
      await requestReset(deps, caller, email);
    } catch (error) {
      const failure = failureOf(view.words, error, ['email']);
      return show(reply, forgotPage(view, { email, failure }), failure);
    }
    return reply.redirect(`${PATH}/sent`, 303);
  });

  app.get(`${PATH}/sent`, { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { sentTitle: title, sent: text } = view.words.forgot;
    return show(
      reply,
      donePage(view, { title, text, label: view.words.forgot.back, href: '/account/sign-in' }),
    );
  });
}

function forgotPage(view: View, { email, failure }: { email: string; failure: Failure | null }): Html {
  const { forgot } = view.words;
  return cardPage(view, {
    title: forgot.title,
    body: html`<p>${forgot.intro}</p>
${form(view, {
  action: PATH,
  submit: forgot.submit,
  failure,
  fields: field(view, failure, {
    name: 'email',
    label: forgot.email,
    type: 'email',
    value: email,
    autocomplete: 'username',
    autofocus: true,
  }),
})}`,
    after: html`<a href="/account/sign-in">${forgot.back}</a>`,
  });
}
