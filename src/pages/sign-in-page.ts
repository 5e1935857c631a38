import type { Failure } from './failure.ts';
import { field, form } from './form.ts';
import { type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import { MAIL_SIGN_IN } from './mail-sign-in-page.ts';
import { passkeyForm } from './passkey-form.ts';
import type { View } from './view.ts';

export interface SignInPage {
  readonly next: string;
  readonly name?: string;
  readonly failure?: Failure | null;
  /** SIGN_IN_BY_MAIL is on. */
  readonly byMail: boolean;
  readonly providers: readonly { readonly id: string; readonly name: string }[];
}

/** A name and a password, and the providers that are configured. */
export function signInPage(
  view: View,
  { next, name = '', failure = null, providers, byMail }: SignInPage,
): Html {
  const { signIn } = view.words;
  return cardPage(view, {
    title: signIn.title(view.brand.name),
    body: html`${form(view, {
      action: '/account/sign-in',
      submit: signIn.submit,
      hidden: { next },
      failure,
      fields: html`${field(view, failure, {
        name: 'username',
        label: signIn.name,
        value: name,
        autocomplete: 'username webauthn',
        autofocus: name === '',
      })}
${field(view, failure, {
  name: 'password',
  label: signIn.password,
  type: 'password',
  autocomplete: 'current-password',
  autofocus: name !== '',
})}
<p class="aside"><a href="/account/forgot-password">${signIn.forgot}</a></p>`,
    })}
${passkeyForm(view, {
  action: '/account/sign-in/passkey',
  submit: view.words.passkeys.signIn,
  ask: { from: '/token/passkey/options' },
  hidden: { next },
  tone: 'quiet',
})}
${byMail && html`<p><a class="button quiet" href="${MAIL_SIGN_IN}">${view.words.mailSignIn.link}</a></p>`}
${
  providers.length > 0 &&
  html`<p class="or"><span>${signIn.or}</span></p>
<ul class="providers">${providers.map(
    provider =>
      html`<li><a class="button quiet" href="/account/sign-in/with/${encodeURIComponent(provider.id)}?next=${encodeURIComponent(next)}">${signIn.with(provider.name)}</a></li>`,
  )}</ul>`
}`,
    after: html`${signIn.stranger} <a href="/account/sign-up">${signIn.signUp}</a>`,
  });
}
