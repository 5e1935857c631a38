import { isProblem } from '../platform/problems.ts';
import { ProviderUnavailable } from './bounded-fetch.ts';
import { KeysUnavailable } from './issuer-keys.ts';

// A map, because the word may be a provider's own.
const DESCRIPTIONS: ReadonlyMap<string, string> = new Map([
  ['access_denied', 'The sign-in was cancelled or is not allowed.'],
  ['temporarily_unavailable', 'The identity provider cannot be reached. Try again shortly.'],
]);

/** A client's redirect URI with the outcome of a sign-in added to its query (RFC 6749 §4.1.2). */
export function answerUrl(
  { redirectUri, clientState }: { redirectUri: string; clientState: string | null },
  outcome: { code: string } | { error: string },
): string {
  const url = new URL(redirectUri);
  if ('code' in outcome) {
    url.searchParams.set('code', outcome.code);
  } else {
    url.searchParams.set('error', outcome.error);
    url.searchParams.set(
      'error_description',
      DESCRIPTIONS.get(outcome.error) ?? 'The identity provider gave no usable answer.',
    );
  }
  if (clientState !== null) url.searchParams.set('state', clientState);
  return url.href;
}

/** What a client is told of an error (RFC 6749 §4.1.2.1): the provider's own word where it answered with one, never more. */
export function failureWord(error: unknown): string {
  if (isProblem(error, 'provider_account_refused')) return 'access_denied';
  const chain = causesOf(error);
  if (chain.some(cause => cause instanceof ProviderUnavailable || cause instanceof KeysUnavailable))
    return 'temporarily_unavailable';
  const { code, error: word } = chain[0] as { code?: string; error?: unknown };
  return code === 'OAUTH_AUTHORIZATION_RESPONSE_ERROR' && isWord(word) ? word : 'server_error';
}

/**
 * What the log is told of an error: its messages, and the provider's own error code or status. Never the objects, which hold
 * tokens and claims, nor a message of JSON.parse, which quotes its input.
 */
export function messagesOf(error: unknown): string {
  return causesOf(error).slice(0, 4).flatMap(wordsOf).join(': ').slice(0, 500);
}

type Refused = Error & { readonly code?: unknown; readonly error?: unknown; readonly status?: unknown };

// openid-client tells by its messages neither which error a provider answered with (RFC 6749 §5.2), nor an unexpected status.
function wordsOf({ name, message, code, error, status, cause }: Refused): unknown[] {
  if (name === 'SyntaxError') return [name];
  // A fetch that failed at several addresses has a code for its cause, and no message.
  const said = message || code || name;
  const detail = isWord(error) ? error : cause instanceof Response ? cause.status : status;
  return typeof detail === 'string' || typeof detail === 'number' ? [said, detail] : [said];
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z_]{1,64}$/.test(value);
}

function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 8; at = at.cause) chain.push(at);
  return chain.length === 0 ? [new Error(String(error))] : chain;
}
