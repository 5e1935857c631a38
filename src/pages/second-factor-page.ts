import type { AnsweredFactor } from '../authentication/answer-factor.ts';
import type { Failure } from './failure.ts';
import { alert, field, form } from './form.ts';
import { type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import { withNext } from './paths.ts';
import type { View } from './view.ts';

export interface SecondFactorPage {
  /** Where the code goes; `/text` below it sends one. */
  readonly action: string;
  readonly next: string;
  readonly kinds: readonly AnsweredFactor[];
  readonly factor: AnsweredFactor;
  readonly failure?: Failure | null;
  /** A code was texted a moment ago. */
  readonly sent?: boolean;
  /** The form for a passkey, where there is one. */
  readonly passkey?: Html | null;
}

const BY_STRENGTH: readonly AnsweredFactor[] = ['totp', 'sms', 'recovery_code'];

/** The factor that somebody asked for, else the strongest that they have. */
export function chosenFactor(kinds: readonly AnsweredFactor[], asked: unknown): AnsweredFactor {
  return kinds.find(kind => kind === asked) ?? BY_STRENGTH.find(kind => kinds.includes(kind)) ?? 'totp';
}

/** A code of the authenticator app, of a text message, or of the recovery list. */
export function secondFactorPage(view: View, options: SecondFactorPage): Html {
  const { secondFactor } = view.words;
  return cardPage(view, {
    title: secondFactor.title,
    body: codeForms(view, options),
    after: html`<a href="${withNext('/account/sign-in', options.next)}">${secondFactor.again}</a>`,
  });
}

/** The forms alone, for the page that confirms somebody who is signed in. */
export function codeForms(
  view: View,
  { action, next, kinds, factor, failure = null, sent = false, passkey = null }: SecondFactorPage,
): Html {
  const { secondFactor } = view.words;
  const words = secondFactor[factor];
  const others = kinds.filter(kind => kind !== factor);
  const target = (kind: string) => `${action}?factor=${kind}&next=${encodeURIComponent(next)}`;
  const texted = factor !== 'sms' || sent || failure?.fields.code !== undefined;
  const anew = factor === 'sms' && texted;
  return html`${sent ? html`<p class="notice" role="status">${secondFactor.sent}</p>` : html`<p>${words.intro}</p>`}
${
  !texted &&
  html`${alert(failure)}${form(view, { action: `${action}/text`, submit: secondFactor.sms.send, hidden: { next } })}`
}
${form(view, {
  action,
  submit: secondFactor.submit,
  hidden: { next, factor },
  failure: texted ? failure : null,
  ...(!texted && { tone: 'quiet' as const }),
  fields: field(view, failure, {
    name: 'code',
    label: words.label,
    autocomplete: factor === 'recovery_code' ? 'off' : 'one-time-code',
    ...(factor !== 'recovery_code' && { inputmode: 'numeric' as const, maxLength: 12 }),
    autofocus: texted,
  }),
})}
${
  passkey &&
  html`<div class="ways"><p class="or">${view.words.signIn.or}</p>
${passkey}</div>`
}
${
  (others.length > 0 || anew) &&
  html`<ul class="links">${anew && html`<li><a href="${target('sms')}">${secondFactor.sms.resend}</a></li>`}${others.map(kind => html`<li><a href="${target(kind)}">${secondFactor[kind].instead}</a></li>`)}</ul>`
}`;
}
