import { canRedirect, providersOf } from '../federation/provider.ts';
import type { Config } from '../platform/config.ts';
import type { Failure } from './failure.ts';
import { field, form } from './form.ts';
import { type Html, html } from './html.ts';
import { mailIcon, passkeyIcon } from './icons.ts';
import { cardPage } from './layout.ts';
import { MAIL_SIGN_IN } from './mail-sign-in-page.ts';
import { passkeyForm } from './passkey-form.ts';
import { isUnsent, withNext } from './paths.ts';
import { type LinkedProvider, providerLinks } from './provider-links.ts';
import type { View } from './view.ts';

export interface SignInPage {
  readonly next: string;
  readonly name?: string;
  readonly failure?: Failure | null;
  /** SIGN_IN_BY_MAIL is on. */
  readonly byMail: boolean;
  readonly providers: readonly LinkedProvider[];
}

/** What a sign-in page offers beside the password. */
export function otherWays(config: Config): Pick<SignInPage, 'providers' | 'byMail'> {
  return { providers: providersOf(config).filter(canRedirect), byMail: config.signInByMail };
}

/** A name and a password, and the providers that are configured. */
export function signInPage(
  view: View,
  { next, name = '', failure = null, providers, byMail }: SignInPage,
): Html {
  const { signIn } = view.words;
  return cardPage(view, {
    title: signIn.title(view.brand.name),
    body: html`${failure === null && isUnsent(next) && html`<p class="alert" role="status">${signIn.unsent}</p>`}
${form(view, {
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
<div class="ways"><p class="or">${signIn.or}</p>
${passkeyForm(view, {
  action: '/account/sign-in/passkey',
  submit: html`${passkeyIcon}${view.words.passkeys.signIn}`,
  ask: { from: '/token/passkey/options' },
  hidden: { next },
  tone: 'quiet',
})}
${byMail && html`<a class="button quiet" href="${withNext(MAIL_SIGN_IN, next)}">${mailIcon}${view.words.mailSignIn.link}</a>`}
${providerLinks(providers, {
  label: signIn.with,
  to: id => withNext(`/account/sign-in/with/${id}`, next),
})}</div>`,
    after: html`${signIn.stranger} <a href="/account/sign-up">${signIn.signUp}</a>`,
  });
}
