import type { Failure } from './failure.ts';
import { field, form, hiddenUsername } from './form.ts';
import { addressOf, type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import type { View } from './view.ts';

/** The form for a new password, with the account that it is for, so that password managers save it there. */
export function resetPage(
  view: View,
  { token, address, failure }: { token: string; address: string; failure: Failure | null },
): Html {
  const { reset } = view.words;
  return cardPage(view, {
    title: reset.title,
    body: html`<p>${reset.about}${addressOf(address)}</p>
${form(view, {
  action: '/account/reset-password',
  submit: reset.submit,
  hidden: { token },
  failure,
  fields: html`${hiddenUsername(address)}
${newPasswordFields(view, failure, { email: address, labels: reset })}
<p class="hint">${reset.note}</p>`,
})}`,
  });
}

interface NewPassword {
  readonly labels: { readonly password: string; readonly confirm: string };
  /** The account's address: a password must not be made of it. */
  readonly email: string;
  readonly names?: readonly [string, string];
}

/** A new password, judged while it is typed, and its repetition. */
export function newPasswordFields(
  view: View,
  failure: Failure | null,
  { labels, email, names = ['new_password', 'confirm_new_password'] }: NewPassword,
): Html {
  const [name, confirmName] = names;
  return html`${field(view, failure, {
    name,
    label: labels.password,
    type: 'password',
    autocomplete: 'new-password',
    judged: { email },
    autofocus: true,
  })}
${field(view, failure, {
  name: confirmName,
  label: labels.confirm,
  type: 'password',
  autocomplete: 'new-password',
})}`;
}
