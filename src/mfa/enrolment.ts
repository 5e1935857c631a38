import { voidChallenges } from '../challenges/consume.ts';
import { withdrawTexts } from '../delivery/enqueue.ts';
import { isUniqueViolation } from '../platform/database-errors.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { actorOf } from '../rbac/granter.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { recordFailedAttempt } from '../throttle/failed-attempt.ts';
import { type Attempt, checkOrGiveBack, forgive, takeAttempt } from '../throttle/lockout.ts';
import {
  confirmFactor,
  deleteFactors,
  type FactorKind,
  roleDemandsFactor,
  selectFactors,
} from './queries.ts';
import { regenerateRecoveryCodes } from './recovery-codes.ts';
import { cancelRemoval } from './removal.ts';
import { tellOfFactor } from './tell-of-factor.ts';

/**
 * Confirms a factor once its proof holds, in one transaction with ten new recovery codes, the audit event and the mail
 * to the owner. Draws on the account's attempts. Refuses with `invalid_mfa_code`, `too_many_attempts`, `factor_exists`.
 */
export async function completeEnrolment(
  deps: Deps,
  principal: UserPrincipal,
  { id, kind, prove }: { id: string; kind: FactorKind; prove: () => Promise<number | null | true> },
): Promise<string[]> {
  const { userId, caller } = principal;
  const attempt = await takeAttempt(deps, deps.db, principal);
  // A right code that came second to another confirmation is not a guess: the attempt is given back.
  const codes = await checkOrGiveBack(deps, attempt, async () => {
    const proof = await prove();
    return proof === null
      ? null
      : confirm(deps, principal, { id, kind, attempt, step: proof === true ? null : proof });
  });
  if (codes !== null) return codes;
  await recordFailedAttempt(
    deps,
    {
      type: 'mfa.failed',
      outcome: 'failure',
      reason: `${kind}_enrolment`,
      actor: actorOf(principal),
      userId,
      sessionId: principal.sessionId,
      caller,
    },
    { ...attempt, email: principal.account.email },
  );
  throw new Problem('invalid_mfa_code');
}

async function confirm(
  deps: Deps,
  principal: UserPrincipal,
  { id, kind, attempt, step }: { id: string; kind: FactorKind; attempt: Attempt; step: number | null },
): Promise<string[]> {
  const { db, clock } = deps;
  const { userId, caller } = principal;
  const codes = await db
    .transaction(async tx => {
      const account = await lockOwnAccount(tx, principal);
      if (account === null) return 'token_revoked';
      if (!(await confirmFactor(tx, { id, userId, step, now: clock.now() }))) return 'factor_exists';
      await forgive(tx, attempt);
      // A planned removal was meant for what the owner had before: it would take the new factor along.
      await cancelRemoval(deps, tx, { userId, reason: 'factor_added', caller });
      const made = await regenerateRecoveryCodes(deps, tx, userId);
      await tellOfFactor(deps, tx, { ...principal, account }, 'added', kind);
      return made;
    })
    .catch((error: unknown) => {
      if (isUniqueViolation(error, 'factors_one_confirmed_idx')) return 'factor_exists' as const;
      throw error;
    });
  if (typeof codes === 'string') throw new Problem(codes);
  return codes;
}

/**
 * Removes one of the user's own factors, and with the last one the recovery codes. Refuses with `factor_not_found`, and
 * with `factor_required` for the last one of somebody whose role requires a factor.
 */
export async function removeFactor(deps: Deps, principal: UserPrincipal, kind: FactorKind): Promise<void> {
  const { db, clock } = deps;
  const { userId, caller } = principal;
  const verdict = await db.transaction(async tx => {
    // Under the lock, the second of two simultaneous removals sees what the first left, and so whether its factor is the last.
    const account = await lockOwnAccount(tx, principal);
    if (account === null) return 'token_revoked';
    const factors = await selectFactors(tx, userId);
    if (!factors.some(factor => factor.kind === kind)) return 'factor_not_found';
    const others = factors.filter(factor => factor.kind !== kind && factor.kind !== 'passkey');
    if (others.length === 0 && (await roleDemandsFactor(tx, userId))) return 'factor_required';
    await deleteFactors(tx, { userId, kind, now: clock.now() });
    if (kind === 'sms') {
      // An answer that is under way looked the phone up before.
      await voidChallenges(deps, tx, { userId, purposes: ['sms-login'] });
      await withdrawTexts(deps, tx, userId);
    }
    // Nothing is left for a planned removal, and factors that are set up later must not go.
    if (others.length === 0) await cancelRemoval(deps, tx, { userId, reason: 'factors_removed', caller });
    await tellOfFactor(deps, tx, { ...principal, account }, 'removed', kind);
    return 'removed';
  });
  if (verdict !== 'removed') throw new Problem(verdict);
}
