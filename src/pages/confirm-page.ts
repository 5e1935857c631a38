import type { AnsweredFactor } from '../authentication/answer-factor.ts';
import type { Failure } from './failure.ts';
import { alert, field, form, hiddenUsername } from './form.ts';
import { type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import { isUnsent } from './paths.ts';
import { chosenFactor, codeForms } from './second-factor-page.ts';
import type { View } from './view.ts';

const PATH = '/account/confirm';

export interface Asked {
  readonly next: string;
  /** The address whose password is asked for, so that password managers find it; null where there is no password. */
  readonly owner: string | null;
  readonly factor?: unknown;
  readonly failure?: Failure | null;
  readonly sent?: boolean;
  readonly passkey?: Html | null;
}

/** A second factor where there is one, else the password, or a passkey; whoever has none of them signs in again. */
export function confirmPage(view: View, kinds: readonly AnsweredFactor[], asked: Asked): Html {
  const { confirm } = view.words;
  const { factor, ...rest } = asked;
  const body =
    kinds.length > 0
      ? codeForms(view, { action: PATH, kinds, factor: chosenFactor(kinds, factor), ...rest })
      : asked.owner !== null
        ? passwordForms(view, asked, asked.owner)
        : otherForms(view, asked);
  return cardPage(view, {
    title: confirm.title,
    body: html`<p>${confirm.intro}${isUnsent(asked.next) && html` ${confirm.unsent}`}</p>
${body}`,
    after: html`<a href="/account">${confirm.back}</a>`,
  });
}

function passwordForms(view: View, { next, failure = null, passkey = null }: Asked, owner: string): Html {
  const { confirm, signIn } = view.words;
  return html`${form(view, {
    action: PATH,
    submit: confirm.submit,
    hidden: { next },
    failure,
    fields: html`${hiddenUsername(owner)}
${field(view, failure, {
  name: 'password',
  label: signIn.password,
  type: 'password',
  autocomplete: 'current-password',
  autofocus: true,
})}`,
  })}
${
  passkey &&
  html`<div class="ways"><p class="or">${signIn.or}</p>
${passkey}</div>`
}`;
}

function otherForms(view: View, { failure = null, passkey = null }: Asked): Html {
  const { confirm } = view.words;
  return html`${alert(failure)}
<p>${confirm.withoutPassword}</p>
<div class="ways">${passkey}
${form(view, { action: '/account/sign-out', submit: confirm.signInAgain, tone: 'quiet' })}</div>`;
}
