import { acceptInvitation } from '../invitations/accept.ts';
import type { Deps } from '../platform/deps.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { isProblem } from '../platform/problems.ts';
import { type Failure, failureOf } from './failure.ts';
import { field, form, hiddenUsername, textOf } from './form.ts';
import { donePage } from './gone-page.ts';
import { addressOf, type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import { sentTo } from './link-pages.ts';
import { page, show } from './prepare.ts';
import { newPasswordFields } from './reset-page.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/invitation';
const FIELDS = ['first_name', 'last_name', 'password', 'confirm_password'];

interface Invited {
  readonly token: string;
  readonly address: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly failure?: Failure | null;
}

/** Accepting an invitation. Neither the GET nor a refused POST spends anything. */
export function invitationPages(app: App, deps: Deps): void {
  app.get(PATH, { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { token } = request.query as { token?: unknown };
    const address = await sentTo(deps, 'invitation', token);
    if (address === null) return show(reply, overPage(view), 410);
    return show(reply, invitationPage(view, { token: String(token), address }));
  });

  app.post(PATH, { config: { ...page, limit: 'signup' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const token = textOf(request, 'token', 200);
    const [firstName, lastName] = [textOf(request, 'first_name', 400), textOf(request, 'last_name', 400)];
    try {
      await acceptInvitation(deps, callerOf(request), {
        token,
        first_name: firstName,
        last_name: lastName,
        password: textOf(request, 'password', 4096),
        confirm_password: textOf(request, 'confirm_password', 4096),
      });
    } catch (error) {
      const failure = failureOf(view.words, error, FIELDS);
      const gone = isProblem(error, 'invitation_invalid');
      const address = gone ? null : await sentTo(deps, 'invitation', token);
      if (address === null) return show(reply, overPage(view), 410);
      const body = invitationPage(view, { token, address, firstName, lastName, failure });
      return show(reply, body, failure);
    }
    return reply.redirect(`${PATH}/done`, 303);
  });

  app.get(`${PATH}/done`, { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { doneTitle: title, done: text } = view.words.invitation;
    return show(
      reply,
      donePage(view, { title, text, label: view.words.links.signIn, href: '/account/sign-in' }),
    );
  });
}

// Unlike the page for other dead links, it offers no reset link: that is of no use to whoever has no account yet.
function overPage(view: View): Html {
  const { links, invitation } = view.words;
  return donePage(view, {
    title: links.gone.title,
    text: invitation.gone,
    label: links.signIn,
    href: '/account/sign-in',
  });
}

function invitationPage(view: View, { token, address, firstName, lastName, failure = null }: Invited): Html {
  const { invitation: words, signUp } = view.words;
  return cardPage(view, {
    title: words.title(view.brand.name),
    body: html`<p>${words.about}${addressOf(address)}</p>
${form(view, {
  action: PATH,
  submit: words.submit,
  hidden: { token },
  failure,
  fields: html`<div class="pair">
${field(view, failure, { name: 'first_name', label: signUp.firstName, value: firstName, autocomplete: 'given-name', maxLength: 100, autofocus: true })}
${field(view, failure, { name: 'last_name', label: signUp.lastName, value: lastName, autocomplete: 'family-name', maxLength: 100 })}
</div>
${hiddenUsername(address)}
${newPasswordFields(view, failure, { labels: signUp, email: address, names: ['password', 'confirm_password'] })}`,
})}`,
  });
}
