import { anonymous, recordEvent } from '../audit/record.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { isProblem, Problem } from '../platform/problems.ts';
import { ProviderUnavailable } from './bounded-fetch.ts';
import { verifyIdToken } from './id-token.ts';
import { identityOf, type ProvenIdentity } from './identity.ts';
import { issuerOf } from './issuer.ts';
import { KeysUnavailable } from './issuer-keys.ts';
import { findProvider, type Provider } from './provider.ts';

/** The code for an ID token that is not valid; the original's route keeps the original's word. */
export type InvalidToken = 'invalid_google_token' | 'invalid_id_token';

/**
 * Verifies an ID token that a client obtained from a provider by itself. Refuses as `findProvider` does, with the
 * route's code for an invalid token, `provider_account_refused`, and `provider_unavailable` when the keys cannot be
 * fetched and none are kept.
 */
export async function verifyToken(
  deps: KeysDeps,
  caller: Caller,
  providerId: string,
  { token, nonce }: { token: string; nonce?: string | undefined },
  invalid: InvalidToken,
): Promise<ProvenIdentity> {
  const { config, clock } = deps;
  const provider = findIdTokenProvider(config, providerId);
  try {
    const claims = await verifyIdToken(deps, provider, token, nonce);
    const { issuer } = await issuerOf(provider, clock).metadata.current();
    return identityOf(provider, provider.kind === 'google' ? provider.issuer : issuer, claims);
  } catch (cause) {
    if (cause instanceof KeysUnavailable || cause instanceof ProviderUnavailable)
      throw new Problem('provider_unavailable', { cause });
    const refused = isProblem(cause, 'provider_account_refused');
    const reason = refused ? cause.code : invalid;
    await recordEvent(deps, deps.db, {
      type: 'login.failed',
      outcome: 'failure',
      reason,
      actor: anonymous,
      caller,
    });
    throw new Problem(reason, { cause });
  }
}

/** As `findProvider`, for ID tokens. */
export function findIdTokenProvider(config: KeysDeps['config'], id: string): Provider {
  const provider = findProvider(config, id);
  // GitHub speaks no OpenID Connect, and has no ID tokens.
  if (provider.kind === 'github') throw new Problem('feature_disabled');
  return provider;
}
