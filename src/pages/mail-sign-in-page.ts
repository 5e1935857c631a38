import type { Failure } from './failure.ts';
import { field, form } from './form.ts';
import { type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import { withNext } from './paths.ts';
import type { View } from './view.ts';

/** Where signing in by mail begins. */
export const MAIL_SIGN_IN = '/account/sign-in/mail';

/** What the mailed link opens: one button in the browser that asked, an explanation in any other. Spends nothing. */
export function mailedSignInPage(view: View, { token, asked }: { token: string; asked: boolean }): Html {
  const { mailSignIn: words } = view.words;
  return cardPage(view, {
    title: words.linkTitle,
    body: asked
      ? html`<p>${words.linkIntro}</p>
${form(view, { action: `${MAIL_SIGN_IN}/code`, submit: words.go, hidden: { token } })}`
      : html`<p>${words.elsewhere}</p>
<p><a class="button" href="${MAIL_SIGN_IN}">${words.again}</a></p>`,
  });
}

/** Asks for the address. */
export function askForMailPage(
  view: View,
  { email, failure, next }: { email: string; failure: Failure | null; next: string },
): Html {
  const { mailSignIn: words } = view.words;
  return cardPage(view, {
    title: words.title,
    body: html`<p>${words.intro}</p>
${form(view, {
  action: MAIL_SIGN_IN,
  submit: words.submit,
  hidden: { next },
  failure,
  fields: field(view, failure, {
    name: 'email',
    label: words.email,
    type: 'email',
    value: email,
    autocomplete: 'username',
    autofocus: true,
  }),
})}`,
    after: html`<a href="${withNext('/account/sign-in', next)}">${words.back}</a>`,
  });
}

/** Asks for the code, in the browser that the mail was asked for in. */
export function mailedCodePage(
  view: View,
  { failure, next }: { failure: Failure | null; next: string },
): Html {
  const { mailSignIn: words } = view.words;
  return cardPage(view, {
    title: words.sentTitle,
    body: html`<p>${words.sent}</p>
${form(view, {
  action: `${MAIL_SIGN_IN}/code`,
  submit: words.go,
  failure,
  fields: field(view, failure, {
    name: 'code',
    label: words.code,
    autocomplete: 'one-time-code',
    inputmode: 'numeric',
    maxLength: 12,
    autofocus: true,
  }),
})}`,
    after: html`<a href="${withNext(MAIL_SIGN_IN, next)}">${words.again}</a>`,
  });
}
