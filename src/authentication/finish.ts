import { recordEvent } from '../audit/record.ts';
import { issueChallenge } from '../challenges/issue.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem, type ProblemCode } from '../platform/problems.ts';
import type { TokenBody } from '../sessions/token.ts';
import { giveBack } from '../throttle/lockout.ts';
import type { FirstFactor } from './first-factor.ts';
import { letIn } from './let-in.ts';

/** What follows the last factor: a new password where the old one has expired, else the session. */
export async function finishAuthentication(
  deps: KeysDeps,
  caller: Caller,
  proof: FirstFactor,
): Promise<TokenBody> {
  if (proof.passwordExpired !== true) return letIn(deps, caller, proof);
  const { account } = proof;
  const { token } = await deps.db.transaction(tx =>
    issueChallenge(deps, tx, {
      purpose: 'reset-password',
      userId: account.id,
      sentTo: account.email,
      lifetime: 3600,
    }),
  );
  return refuse(deps, caller, proof, 'password_expired', { reset_token: token });
}

/** Refuses somebody whose proof was right: the attempt is given back, and the trail says why. */
export async function refuse(
  deps: KeysDeps,
  caller: Caller,
  { account, subject }: FirstFactor,
  code: ProblemCode,
  members: Record<string, unknown> = {},
): Promise<never> {
  if (subject !== null) await giveBack(deps, deps.db, subject);
  await recordEvent(deps, deps.db, {
    type: 'login.refused',
    outcome: 'refusal',
    reason: code,
    actor: { kind: 'user', id: account.id },
    userId: account.id,
    caller,
  });
  throw new Problem(code, { members });
}
