import { invalid } from '../platform/problems.ts';
import type { PageRequest } from './exchange.ts';
import type { Failure } from './failure.ts';
import { type Html, html, type Renderable } from './html.ts';
import type { View } from './view.ts';

/** One member of a form that was sent; '' where it is missing. Refuses with 422 what is longer than `max`. */
export function textOf({ body }: Pick<PageRequest, 'body'>, name: string, max = 320): string {
  const value = (body as Record<string, unknown> | null | undefined)?.[name];
  if (typeof value !== 'string') return '';
  if (value.length > max) throw invalid(name, 'string_too_long', `Use at most ${max} characters.`);
  return value;
}

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type?: 'text' | 'email' | 'tel' | 'password';
  readonly value?: string | undefined;
  /** A token of HTML's autofill, so that browsers and password managers help. */
  readonly autocomplete?: string;
  readonly hint?: Renderable;
  readonly optional?: boolean;
  readonly inputmode?: 'numeric';
  readonly maxLength?: number;
  /** A new password, judged live where scripts run; with the account's address, which it must not be made of. */
  readonly judged?: { readonly email: string };
  readonly autofocus?: boolean;
}

/** A labelled input with its hint and its error, both of which a screen reader reads out with it. */
export function field({ words }: View, failure: Failure | null, options: Field): Html {
  const { name, label, type = 'text', value = '', hint, judged } = options;
  const error = failure?.fields[name];
  // type="email" allows only ASCII before the @ (HTML §4.10.5.1.5), but mail allows more (RFC 6531).
  const shown = type === 'email' ? 'text' : type;
  const inputmode = type === 'email' ? 'email' : options.inputmode;
  const about = [hint && `${name}-hint`, judged && `${name}-strength`, error && `${name}-error`]
    .filter(Boolean)
    .join(' ');
  // The reader goes on at the first field that is wrong.
  const focus =
    error === undefined ? options.autofocus === true && failure === null : failure?.first === name;
  return html`<div class="field">
<label for="${name}">${label}${options.optional === true && html` <span class="optional">${words.form.optional}</span>`}</label>
<input id="${name}" name="${name}" type="${shown}"${type === 'password' ? null : html` value="${value}"`}${attribute('autocomplete', options.autocomplete)}${attribute('inputmode', inputmode)}${attribute('maxlength', options.maxLength)}${attribute('aria-describedby', about)}${error !== undefined && html` aria-invalid="true"`}${options.optional !== true && html` required`}${focus && html` autofocus`}${judgedBy(judged)}${isVerbatim(options) && html` spellcheck="false" autocapitalize="none" autocorrect="off"`}${isName(options) && html` dir="auto"`}>
${hint && html`<p class="hint" id="${name}-hint">${hint}</p>`}
${judged && html`<p class="strength" id="${name}-strength" data-strength-of="${name}" data-words="${JSON.stringify(words.strength)}" role="status" hidden></p>`}
${error !== undefined && html`<p class="error" id="${name}-error">${error}</p>`}
</div>`;
}

/** Whose password a form asks for or sets: password managers look for it beside the password. */
export const hiddenUsername = (name: string): Html =>
  html`<input class="visually-hidden" type="text" name="username" value="${name}" autocomplete="username" tabindex="-1" aria-hidden="true" readonly>`;

// Fields that hold no prose: a phone would capitalise and autocorrect them, even a password that is shown, and a
// browser may send them elsewhere to have their spelling checked.
const isVerbatim = ({ type, autocomplete = '', name }: Field) =>
  type === 'email' || type === 'password' || name === 'code' || autocomplete.startsWith('username');

// An Arabic or Hebrew name is written from the right, wherever the page has it (HTML §3.2.6.4).
const isName = ({ autocomplete = '' }: Field) => autocomplete.endsWith('-name');

const judgedBy = (judged: Field['judged']) =>
  judged && html` data-judge${attribute('data-email', judged.email)}`;

function attribute(name: string, value: string | number | undefined): Renderable {
  return value === undefined || value === '' ? null : html` ${name}="${value}"`;
}

export interface Form {
  readonly action: string;
  readonly submit: string;
  readonly fields?: Renderable;
  /** Values that the reader does not see. */
  readonly hidden?: Readonly<Record<string, string>>;
  readonly failure?: Failure | null;
  readonly tone?: 'danger' | 'quiet';
  /** What a screen reader says in place of the button's text, where a page has several alike. */
  readonly accessibleName?: string;
}

/** A form that is sent to our own page, with the token of this browser and what went wrong the last time. */
export function form(view: View, { action, submit, fields, hidden = {}, ...rest }: Form): Html {
  return html`<form method="post" action="${action}">
${alert(rest.failure ?? null)}
<input type="hidden" name="form_token" value="${view.formToken}">
${Object.entries(hidden).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${fields}
<button class="button ${rest.tone}"${attribute('aria-label', rest.accessibleName)}>${submit}</button>
</form>`;
}

/** What went wrong as a whole. It takes the focus, because an alert that comes with its page is not read out by itself. */
export function alert(failure: Failure | null): Html | null {
  const summary = failure?.summary ?? null;
  return summary === null ? null : html`<p class="alert" role="alert" tabindex="-1" autofocus>${summary}</p>`;
}
