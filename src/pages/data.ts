import { normalizeLogin } from '../accounts/normalize.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { App } from '../platform/http/app.ts';
import { invalid } from '../platform/problems.ts';
import { exportOwnData } from '../profile/export.ts';
import { closeOwnAccount } from '../profile/remove-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { accountPage, section } from './account-page.ts';
import { dropTokens, personOf } from './browser-session.ts';
import { type Failure, failureOf } from './failure.ts';
import { field, form, textOf } from './form.ts';
import { donePage } from './gone-page.ts';
import { addressOf, type Html, html } from './html.ts';
import { page, show } from './prepare.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/data';

/** All that is stored about somebody, and closing the account. */
export function dataPages(app: App, deps: KeysDeps): void {
  app.get(PATH, { config: page }, async (request, reply) => {
    const principal = await personOf(deps, request, reply);
    return show(reply, dataPage(viewOf(deps, request, reply), principal, null));
  });

  app.post(`${PATH}/export`, { config: { ...page, limit: 'export' } }, async (request, reply) => {
    const principal = await personOf(deps, request, reply);
    const document = await exportOwnData(deps, principal);
    reply.header('content-disposition', 'attachment; filename="account.json"');
    return reply.type('application/json; charset=utf-8').send(document);
  });

  app.post(`${PATH}/close`, { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, { recent: true });
    try {
      const typed = normalizeLogin(textOf(request, 'confirmation'));
      if (typed !== normalizeLogin(principal.account.email)) {
        throw invalid('confirmation', 'confirmation_differs', view.words.data.differs);
      }
      await closeOwnAccount(deps, principal);
    } catch (error) {
      const failure = failureOf(view.words, error, ['confirmation']);
      return show(reply, dataPage(view, principal, failure), failure);
    }
    dropTokens(deps, reply);
    return reply.redirect('/account/closed', 303);
  });

  app.get('/account/closed', { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { closedTitle: title, closed: text, again: label } = view.words.data;
    return show(reply, donePage(view, { title, text, label, href: '/account/sign-up' }));
  });
}

function dataPage(view: View, principal: UserPrincipal, failure: Failure | null): Html {
  const { data: words } = view.words;
  return accountPage(view, principal, {
    current: PATH,
    title: words.title,
    intro: words.intro,
    sections: html`${section({
      id: 'export',
      title: words.export,
      body: html`<p>${words.exportText}</p>
${form(view, { action: `${PATH}/export`, submit: words.download, tone: 'quiet' })}`,
    })}
${section({
  id: 'close',
  title: words.close,
  body: html`<p>${words.closeText}</p>
${form(view, {
  action: `${PATH}/close`,
  submit: words.submit,
  tone: 'danger',
  failure,
  fields: field(view, failure, {
    name: 'confirmation',
    label: words.confirmation,
    hint: addressOf(principal.account.email),
    autocomplete: 'off',
  }),
})}`,
})}`,
  });
}
