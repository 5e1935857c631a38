import type {
  AssertionResponse,
  CreationOptions,
  CreationResponse,
  RequestOptions,
} from '../mfa/webauthn.ts';
import { Problem } from '../platform/problems.ts';
import { isStorable } from '../platform/storable.ts';
import type { PageRequest } from './exchange.ts';
import { textOf } from './form.ts';
import { type Html, html, type Renderable } from './html.ts';
import { passkeyIcon } from './icons.ts';
import type { View } from './view.ts';

export interface PasskeyForm {
  readonly action: string;
  readonly submit: Renderable;
  /** What the browser is asked; a path where that is fetched only when needed. */
  readonly ask:
    | { readonly create: CreationOptions }
    | { readonly get: RequestOptions }
    | { readonly from: string }
    /** For a new passkey: what the API answers to this body, sent with the form's cookies. */
    | { readonly createFrom: string; readonly body: Readonly<Record<string, string>> };
  readonly hidden?: Readonly<Record<string, string>>;
  readonly fields?: Renderable;
  readonly tone?: 'quiet';
}

/**
 * A form that the browser's passkeys fill: hidden until the script finds that the browser supports them, and sent like
 * any other form once a passkey has answered.
 */
export function passkeyForm(
  view: View,
  { action, submit, ask, hidden = {}, fields, tone }: PasskeyForm,
): Html {
  const what =
    'create' in ask
      ? html`data-passkey="create" data-options="${JSON.stringify(ask.create)}"`
      : 'get' in ask
        ? html`data-passkey="get" data-options="${JSON.stringify(ask.get)}"`
        : 'from' in ask
          ? html`data-passkey="get" data-options-from="${ask.from}"`
          : html`data-passkey="create" data-options-from="${ask.createFrom}" data-options-body="${JSON.stringify(ask.body)}"`;
  return html`<form method="post" action="${action}" ${what} hidden>
<p class="alert" role="alert" tabindex="-1" hidden>${view.words.passkeys.failed}</p>
<input type="hidden" name="form_token" value="${view.formToken}">
<input type="hidden" name="response">
${Object.entries(hidden).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${fields}
<button class="button ${tone}">${submit}</button>
</form>`;
}

/** The passkey as one of the proofs of a page; its answer goes to `/passkey` below the page's path. */
export function confirmingPasskey(
  view: View,
  path: string,
  { ask, next }: { ask: RequestOptions; next: string },
): Html {
  return passkeyForm(view, {
    action: `${path}/passkey`,
    submit: html`${passkeyIcon}${view.words.passkeys.confirm}`,
    tone: 'quiet',
    ask: { get: ask },
    hidden: { next },
  });
}

/** What a passkey answered, as the script put it into the form. Refuses with `passkey_refused` what is of another shape. */
export function assertionIn(request: Pick<PageRequest, 'body'>): AssertionResponse {
  return credentialIn(request, ['clientDataJSON', 'authenticatorData', 'signature']) as AssertionResponse;
}

/** A new passkey, as the script put it into the form. Refuses with `passkey_refused` what is of another shape. */
export function creationIn(request: Pick<PageRequest, 'body'>): CreationResponse {
  return credentialIn(request, ['clientDataJSON', 'attestationObject']) as CreationResponse;
}

function credentialIn(request: Pick<PageRequest, 'body'>, needed: readonly string[]): unknown {
  const sent = parsed(textOf(request, 'response', 40_000));
  const response = record(sent.response);
  // JSON inside a form: the parser of bodies has not checked its strings.
  const whole = [sent.id, sent.rawId, ...needed.map(name => response[name])].every(
    value => typeof value === 'string' && value !== '' && isStorable(value),
  );
  if (!whole) throw new Problem('passkey_refused');
  const { userHandle, transports } = response;
  return {
    id: sent.id,
    rawId: sent.rawId,
    type: sent.type,
    clientExtensionResults: {},
    response: {
      ...Object.fromEntries(needed.map(name => [name, response[name]])),
      ...(typeof userHandle === 'string' && { userHandle }),
      ...(Array.isArray(transports) && {
        transports: transports.filter(transport => typeof transport === 'string' && isStorable(transport)),
      }),
    },
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return record(JSON.parse(text));
  } catch {
    return {};
  }
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
