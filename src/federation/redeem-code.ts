import type { Challenge } from '../challenges/challenge.ts';
import { consumeChallenge } from '../challenges/consume.ts';
import type { Deps } from '../platform/deps.ts';
import { sha256 } from '../platform/digest.ts';
import { Problem } from '../platform/problems.ts';
import { type CodeData, SEALED_IDENTITY } from './callback.ts';
import type { ProvenIdentity } from './identity.ts';

export interface CodeProof {
  readonly code: string;
  /** RFC 7636 §4.5. */
  readonly codeVerifier: string;
}

/**
 * Spends a one-time code and returns the identity it stands for; `userId` is the person who may link it, null where the
 * code logs in. A code works once, and a wrong verifier burns it. Refuses with `invalid_authorization_code`.
 */
export async function redeemCode(
  deps: Deps,
  { code, codeVerifier }: CodeProof,
): Promise<{ identity: ProvenIdentity; userId: string | null }> {
  const challenge: Challenge | null = await consumeChallenge(deps, deps.db, {
    purpose: 'oauth-code',
    token: code,
  });
  const data = challenge?.data as CodeData | undefined;
  const answered = sha256(codeVerifier).toString('base64url');
  if (challenge === null || data?.codeChallenge !== answered) throw new Problem('invalid_authorization_code');
  const opened = deps.secrets.open(SEALED_IDENTITY, Buffer.from(data.identity, 'base64'));
  return { identity: JSON.parse(opened.toString()) as ProvenIdentity, userId: challenge.userId };
}
