import { lockAccount } from '../accounts/find.ts';
import { recordEvent, system } from '../audit/record.ts';
import { voidChallenges } from '../challenges/consume.ts';
import { enqueueMail, withdrawTexts } from '../delivery/enqueue.ts';
import type { Caller } from '../platform/caller.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { recordDone } from '../rbac/decide.ts';
import { actorOf, type Granter } from '../rbac/granter.ts';
import { lockGrants } from '../rbac/standing.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { deleteFactors, selectFactors } from './queries.ts';
import {
  deleteRemoval,
  insertRemoval,
  plannedRemoval,
  replaceRequester,
  selectDueRemovals,
  spendRemoval,
} from './removal-queries.ts';

/** The permission that is needed to remove somebody's factors, at the request and again when it is carried out. */
export const REMOVAL_NEEDS = 'users:write';

/** How long the owner of a lost factor has to object, in seconds. */
export const REMOVAL_DELAY = 86_400;

/**
 * Plans the removal of an account's authenticator app, text messages and recovery codes in 24 hours, and tells its
 * owner by mail. The requester must still be allowed to by then. A repeated request keeps the first date and sends
 * nothing, but the last requester answers for the removal. Returns the date; null where there is no such factor.
 */
export async function planRemoval(
  deps: Deps,
  tx: Tx,
  granter: Granter,
  { userId, email }: { userId: string; email: string },
): Promise<Date | null> {
  const now = deps.clock.now();
  const requester = actorOf(granter);
  const planned = await insertRemoval(tx, {
    userId,
    requester,
    now,
    dueAt: addSeconds(now, REMOVAL_DELAY),
  });
  const due = planned ?? (await replaceRequester(tx, { userId, requester }));
  if (due === null) return null;
  await recordDone(deps, tx, granter, {
    type: 'mfa.removal_requested',
    userId,
    data: { due_at: due.toISOString() },
  });
  if (planned === null) return due;
  await enqueueMail(deps, tx, {
    template: 'mfa-removal-scheduled',
    to: email,
    userId,
    params: { at: planned.toISOString() },
  });
  return planned;
}

/** Cancels a planned removal, in the caller's transaction; false when nothing was planned. */
export async function cancelRemoval(
  deps: Deps,
  tx: Tx,
  { userId, reason, caller }: { userId: string; reason: string; caller: Caller },
): Promise<boolean> {
  if (!(await deleteRemoval(tx, userId))) return false;
  await recordEvent(deps, tx, {
    type: 'mfa.removal_cancelled',
    outcome: 'success',
    reason,
    actor: { kind: 'user', id: userId },
    userId,
    caller,
  });
  return true;
}

/** Cancels the planned removal of the caller's own factors. Refuses with `removal_not_found`. */
export async function keepFactors(deps: Deps, principal: UserPrincipal): Promise<void> {
  const { userId, caller } = principal;
  const refusal = await deps.db.transaction(async tx => {
    if ((await lockOwnAccount(tx, principal)) === null) return 'token_revoked';
    const kept = await cancelRemoval(deps, tx, { userId, reason: 'kept_by_owner', caller });
    return kept ? null : 'removal_not_found';
  });
  if (refusal !== null) throw new Problem(refusal);
}

/** Cancels the planned removal for somebody who has just used a factor, and so has not lost it. */
export async function keepUsedFactors(
  deps: Deps,
  { userId, caller }: { userId: string; caller: Caller },
): Promise<void> {
  if ((await plannedRemoval(deps.db, userId)) === null) return;
  await deps.db.transaction(tx => cancelRemoval(deps, tx, { userId, reason: 'factor_used', caller }));
}

/**
 * Removes the factors of an account when the planned removal is due. False when it is not, or when the requester may no
 * longer do it: they lost the right, or the account holds by now what they lack. Then the factors stay, and the trail
 * says why.
 */
export async function carryOutRemoval(deps: Deps, userId: string): Promise<boolean> {
  const now = deps.clock.now();
  const planned = await plannedRemoval(deps.db, userId);
  if (planned === null || planned > now) return false;
  return deps.db.transaction(async tx => {
    await lockGrants(tx, 'act');
    const account = await lockAccount(tx, userId);
    const spent = await spendRemoval(tx, { userId, needs: REMOVAL_NEEDS, now });
    if (spent === null) return false;
    if (spent.refusal !== null) {
      await recordEvent(deps, tx, {
        type: 'mfa.removal_cancelled',
        outcome: 'refusal',
        reason: spent.refusal,
        actor: system,
        userId,
        caller: null,
      });
      return false;
    }
    const kinds = (await selectFactors(tx, userId)).map(({ kind }) => kind);
    await deleteFactors(tx, { userId, kind: null, now });
    await voidChallenges(deps, tx, { userId, purposes: ['sms-login'] });
    await withdrawTexts(deps, tx, userId);
    await recordEvent(deps, tx, {
      type: 'mfa.disabled',
      outcome: 'success',
      reason: 'removal_by_administrator',
      actor: system,
      userId,
      caller: null,
    });
    for (const factor of kinds) {
      if (account === null || factor === 'passkey') continue;
      await enqueueMail(deps, tx, {
        template: 'factor-removed',
        to: account.email,
        userId,
        params: { factor, at: now.toISOString() },
      });
    }
    return true;
  });
}

/** Decides the removals that are due, for accounts that nobody logs in to meanwhile; returns how many. */
export async function carryOutDueRemovals(deps: Deps, limit: number): Promise<number> {
  const due = await selectDueRemovals(deps.db, deps.clock.now(), limit);
  for (const userId of due) await carryOutRemoval(deps, userId);
  return due.length;
}
