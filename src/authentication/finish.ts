import { recordEvent } from '../audit/record.ts';
import { insertChallenge, prepareChallenge } from '../challenges/issue.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem, type ProblemCode } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import type { TokenBody } from '../sessions/token.ts';
import { giveBack, writeOrGiveBack } from '../throttle/lockout.ts';
import type { FirstFactor } from './first-factor.ts';
import { letIn, withProofOf } from './let-in.ts';

/** How long the token of a reset works, mailed or with `password_expired`, in seconds. */
export const RESET_LIFETIME = 3600;

/**
 * What follows the last factor: a demand for a new password if the old one has expired, else the session. Refuses with
 * `password_expired`, or with `invalid_credentials` if the password was replaced or the account disabled meanwhile.
 */
export async function finishAuthentication(
  deps: KeysDeps,
  caller: Caller,
  proof: FirstFactor,
): Promise<TokenBody> {
  if (proof.passwordExpired !== true) return letIn(deps, caller, proof);
  const token = await writeOrGiveBack(deps, proof.subject, () => issueReset(deps, proof));
  if (token === null) throw new Problem('invalid_credentials');
  return refuse(deps, caller, proof, 'password_expired', { reset_token: token });
}

// Only while the expired password is still the account's: a reset that was under way has voided the links that it saw, and
// the old password must not get a new link after that.
async function issueReset(deps: KeysDeps, proof: FirstFactor): Promise<string | null> {
  const { account } = proof;
  const { row, issued } = prepareChallenge(deps, {
    purpose: 'reset-password',
    userId: sql`admitted.id`,
    sentTo: account.email,
    lifetime: RESET_LIFETIME,
  });
  const written = await deps.db.run(sql`
    with standing as (select id, email from users where id = ${account.id}::uuid and disabled_at is null),
      admitted as (${withProofOf(proof)})
    ${insertChallenge(row, sql`admitted`)}`);
  return written === 1 ? issued.token : null;
}

/** Refuses somebody whose proof was right: gives the attempt back, and records the reason in the trail. */
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
