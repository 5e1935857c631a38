import type { UserPrincipal } from '../sessions/principal.ts';
import { accountPage, section } from './account-page.ts';
import type { Failure } from './failure.ts';
import { alert, field, form } from './form.ts';
import { addressOf, type Html, html } from './html.ts';
import type { View } from './view.ts';

export interface ProfileValues {
  readonly first_name: string;
  readonly last_name: string;
  readonly username: string;
  readonly phone_number: string;
}

export interface ProfilePage {
  /** What was typed, where it was refused. */
  readonly values?: ProfileValues;
  readonly newEmail?: string;
  readonly profile?: Failure | null;
  readonly email?: Failure | null;
}

/** Names, username, number; the address and the change of it that is pending. */
export function profilePage(view: View, principal: UserPrincipal, options: ProfilePage): Html {
  const { profile: words } = view.words;
  const { account } = principal;
  return accountPage(view, principal, {
    current: '/account',
    title: words.title,
    intro: words.intro,
    sections: html`${section({ id: 'profile', title: words.profile, body: profileForm(view, principal, options) })}
${section({ id: 'address', title: words.address, body: addressForms(view, principal, options) })}
<p class="hint">${words.id} <code>${account.id}</code></p>`,
  });
}

function profileForm(view: View, { account }: UserPrincipal, { values, profile = null }: ProfilePage): Html {
  const { profile: words, signUp } = view.words;
  const filled = values ?? { ...account, phone_number: account.phone_number ?? '' };
  return form(view, {
    action: '/account/profile',
    submit: words.save,
    failure: profile,
    fields: html`<div class="pair">
${field(view, profile, { name: 'first_name', label: signUp.firstName, value: filled.first_name, autocomplete: 'given-name', maxLength: 100 })}
${field(view, profile, { name: 'last_name', label: signUp.lastName, value: filled.last_name, autocomplete: 'family-name', maxLength: 100, optional: account.last_name === '' })}
</div>
${field(view, profile, { name: 'username', label: words.username, value: filled.username, autocomplete: 'username', hint: words.usernameHint })}
${field(view, profile, { name: 'phone_number', label: signUp.phone, type: 'tel', value: filled.phone_number, autocomplete: 'tel', optional: true })}`,
  });
}

function addressForms(view: View, { account }: UserPrincipal, { newEmail, email = null }: ProfilePage): Html {
  const { profile: words } = view.words;
  const verified = account.email_verified_at !== null;
  return html`<p>${addressOf(account.email)} <span class="tag ${verified ? 'good' : 'warn'}">${verified ? words.verified : words.unverified}</span></p>
${alert(email)}
${
  account.pending_email !== null &&
  html`<div class="waiting"><p>${words.pending} ${addressOf(account.pending_email)}</p>
<div class="actions">${form(view, { action: '/account/email/verification', submit: words.resend, tone: 'quiet' })}
${form(view, { action: '/account/email', submit: words.cancel, hidden: { email: account.email }, tone: 'quiet' })}</div></div>`
}
${
  account.pending_email === null &&
  !verified &&
  html`<p>${words.verify}</p>${form(view, { action: '/account/email/verification', submit: words.resend, tone: 'quiet' })}`
}
${form(view, {
  action: '/account/email',
  submit: words.changeAddress,
  tone: 'quiet',
  fields: field(view, email, {
    name: 'email',
    label: words.newAddress,
    type: 'email',
    value: newEmail,
    autocomplete: 'email',
    hint: words.addressHint,
  }),
})}`;
}
