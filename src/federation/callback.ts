import { anonymous, recordEvent } from '../audit/record.ts';
import type { Challenge } from '../challenges/challenge.ts';
import { consumeChallenge } from '../challenges/consume.ts';
import { issueChallenge } from '../challenges/issue.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { answerUrl, failureWord, messagesOf } from './answer.ts';
import { openName } from './apple-name.ts';
import type { PendingSignIn } from './authorize.ts';
import { bindingCookie, bindingOf, bindingSecretOf } from './browser-binding.ts';
import type { ProvenIdentity } from './identity.ts';
import { findRedirectProvider } from './provider.ts';
import { redeem } from './relying-party.ts';

/** How long a client has to redeem the code, in seconds (RFC 6749 §4.1.2 allows ten minutes). */
const CODE_LIFETIME = 60;

/** What a one-time code stands for; the identity is sealed, because it is personal data. */
export interface CodeData {
  readonly identity: string;
  readonly codeChallenge: string;
}

/** The context that identities are sealed in. */
export const SEALED_IDENTITY = 'oauth-code';

/**
 * Takes a provider's answer and says where to send the browser: to the client, with a one-time code or an error.
 * Refuses as `findRedirectProvider` does, and with `invalid_sign_in` where the state is unknown, spent, or belongs to
 * another provider or browser: then nobody is sent anywhere.
 */
export async function callback(
  deps: Deps,
  caller: Caller,
  providerId: string,
  { answer, cookies }: { answer: URLSearchParams; cookies: string | undefined },
): Promise<{ location: string; cookie: string }> {
  const { config, db } = deps;
  const provider = findRedirectProvider(config, providerId);
  const state = answer.getAll('state').length === 1 ? (answer.get('state') as string) : '';
  const secret = bindingSecretOf(config, state, cookies);
  const binding = bindingOf(secret ?? '');
  const challenge = await consumeChallenge(deps, db, { purpose: 'oauth-state', token: state });
  const pending = challenge?.data as PendingSignIn | undefined;
  // There is nothing to record, and whoever makes up states must not fill the audit trail.
  if (challenge === null || pending === undefined) throw new Problem('invalid_sign_in');
  if (pending.provider !== providerId) return refuse(deps, caller, providerId, 'another_provider');
  if (secret === null || pending.browser !== binding.browser)
    return refuse(deps, caller, providerId, 'another_browser');
  const cookie = bindingCookie(config, state, '');
  try {
    const sealedName = answer.get('user');
    answer.delete('user');
    const identity = await redeem(deps, provider, answer, { state, binding });
    const named = provider.kind === 'apple' ? withName(identity, openName(deps, sealedName)) : identity;
    const code = await issueCodeFor(deps, challenge, pending, named);
    return { location: answerUrl(pending, { code }), cookie };
  } catch (error) {
    const word = failureWord(error);
    await recordRefusal(deps, caller, providerId, word);
    const line = {
      request_id: caller.requestId,
      provider: providerId,
      outcome: word,
      error: messagesOf(error),
    };
    // Whoever cancels at the provider, or is none whom this service takes, is no trouble of the operator's.
    deps.log[word === 'access_denied' ? 'info' : 'warn'](line, 'a sign-in failed');
    return { location: answerUrl(pending, { error: word }), cookie };
  }
}

async function issueCodeFor(
  deps: Deps,
  { userId }: Challenge,
  { codeChallenge }: PendingSignIn,
  identity: ProvenIdentity,
): Promise<string> {
  const data: CodeData = {
    identity: deps.secrets.seal(SEALED_IDENTITY, JSON.stringify(identity)).toString('base64'),
    codeChallenge,
  };
  const { token } = await issueChallenge(deps, deps.db, {
    purpose: 'oauth-code',
    userId,
    data: { ...data },
    lifetime: CODE_LIFETIME,
  });
  return token;
}

function withName(
  identity: ProvenIdentity,
  { given_name = '', family_name = '' }: { given_name?: string; family_name?: string },
): ProvenIdentity {
  if (identity.firstName !== '' || given_name === '') return identity;
  return { ...identity, firstName: given_name.slice(0, 100), lastName: family_name.slice(0, 100) };
}

async function refuse(deps: Deps, caller: Caller, provider: string, reason: string): Promise<never> {
  await recordRefusal(deps, caller, provider, reason);
  throw new Problem('invalid_sign_in');
}

function recordRefusal(deps: Deps, caller: Caller, provider: string, reason: string): Promise<void> {
  return recordEvent(deps, deps.db, {
    type: 'identity.refused',
    outcome: reason === 'access_denied' ? 'refusal' : 'failure',
    reason,
    actor: anonymous,
    caller,
    data: { provider },
  });
}
