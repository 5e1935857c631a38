import type { Failure } from './failure.ts';
import { field, form, hiddenUsername } from './form.ts';
import { addressOf, type Html, html } from './html.ts';
import { passkeyIcon } from './icons.ts';
import { cardPage } from './layout.ts';
import { passkeyForm } from './passkey-form.ts';
import { type LinkedProvider, providerLinks } from './provider-links.ts';
import { newPasswordFields } from './reset-page.ts';
import type { View } from './view.ts';

export interface SignUpValues {
  readonly first_name: string;
  readonly last_name: string;
  readonly email: string;
  readonly phone_number: string;
}

/** A number without the signs that people write between digits. */
export function phoneOf(text: string): string {
  return text.replaceAll(/[\s().\-/]/g, '');
}

export interface SignUpPage {
  readonly values?: SignUpValues;
  readonly failure: Failure | null;
  readonly providers: readonly LinkedProvider[];
}

/** Step 1: who somebody is; or a provider that tells. */
export function signUpPage(view: View, { values, failure, providers }: SignUpPage): Html {
  const { signUp } = view.words;
  return cardPage(view, {
    title: signUp.title,
    body: html`<p class="step">${signUp.step(1)}</p>
${form(view, {
  action: '/account/sign-up',
  submit: signUp.next,
  failure,
  fields: html`<div class="pair">
${field(view, failure, { name: 'first_name', label: signUp.firstName, value: values?.first_name, autocomplete: 'given-name', maxLength: 100, autofocus: true })}
${field(view, failure, { name: 'last_name', label: signUp.lastName, value: values?.last_name, autocomplete: 'family-name', maxLength: 100 })}
</div>
${field(view, failure, { name: 'email', label: signUp.email, type: 'email', value: values?.email, autocomplete: 'email' })}
${field(view, failure, { name: 'phone_number', label: signUp.phone, type: 'tel', value: values?.phone_number, autocomplete: 'tel', hint: signUp.phoneHint })}`,
})}
${
  providers.length > 0 &&
  html`<div class="ways"><p class="or">${view.words.signIn.or}</p>
${providerLinks(providers, { label: signUp.with, to: id => `/account/sign-up/with/${id}` })}</div>`
}`,
    after: html`${signUp.known} <a href="/account/sign-in">${signUp.signIn}</a>`,
  });
}

/** Step 2: a password, or a passkey where the browser has them. */
export function choosePasswordPage(
  view: View,
  { email, failure }: { email: string; failure: Failure | null },
): Html {
  const { signUp } = view.words;
  return cardPage(view, {
    title: signUp.passwordTitle,
    body: html`<p class="step">${signUp.step(2)}</p>
<p>${signUp.passwordFor}${addressOf(email)}</p>
${form(view, {
  action: '/account/sign-up/password',
  submit: signUp.submit,
  failure,
  fields: html`${hiddenUsername(email)}
${newPasswordFields(view, failure, { labels: { password: signUp.password, confirm: signUp.confirm }, email, names: ['password', 'confirm_password'] })}`,
})}
<div class="ways"><p class="or">${view.words.signIn.or}</p>
${passkeyForm(view, {
  action: '/account/sign-up/passkey',
  submit: html`${passkeyIcon}${signUp.passkey}`,
  ask: { createFrom: '/signup/passkey/options', body: { email } },
  fields: html`<p class="hint">${signUp.passkeyHint}</p>`,
  tone: 'quiet',
})}</div>`,
    after: html`<a href="/account/sign-up">${signUp.back}</a>`,
  });
}
