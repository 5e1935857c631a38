import { lockAccount } from '../accounts/find.ts';
import { type Actor, recordEvent, system } from '../audit/record.ts';
import { enqueueMail } from '../delivery/enqueue.ts';
import type { Caller } from '../platform/caller.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { deleteFactors, selectFactors } from './queries.ts';
import { deleteRemoval, insertRemoval, selectDueRemovals, selectRemoval } from './removal-queries.ts';

/** How long a lost factor waits for its owner's objection, in seconds. */
export const REMOVAL_DELAY = 86_400;

/**
 * Plans the removal of an account's authenticator app, text messages and recovery codes in 24 hours, and tells its owner
 * by mail. A repeat keeps the first date and sends nothing. Returns the date; null where there is no such factor.
 */
export async function planRemoval(
  deps: Deps,
  tx: Tx,
  { userId, email, actor, caller }: { userId: string; email: string; actor: Actor; caller: Caller | null },
): Promise<Date | null> {
  const now = deps.clock.now();
  const planned = await insertRemoval(tx, { userId, now, dueAt: addSeconds(now, REMOVAL_DELAY) });
  if (planned === null) return selectRemoval(tx, userId);
  await recordEvent(deps, tx, {
    type: 'mfa.removal_requested',
    outcome: 'success',
    actor,
    userId,
    caller,
    data: { due_at: planned.toISOString() },
  });
  await enqueueMail(deps, tx, {
    template: 'mfa-removal-scheduled',
    to: email,
    userId,
    params: { at: planned.toISOString() },
  });
  return planned;
}

/** Takes a planned removal back, in the caller's transaction; false when nothing was planned. */
export async function cancelRemoval(
  deps: Deps,
  tx: Tx,
  { userId, reason, caller }: { userId: string; reason: string; caller: Caller },
): Promise<boolean> {
  if (!(await deleteRemoval(tx, { userId, due: null }))) return false;
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

/** Keeps the factors of somebody who has just used one: who still has a factor has not lost it. */
export async function keepUsedFactors(
  deps: Deps,
  { userId, caller }: { userId: string; caller: Caller },
): Promise<void> {
  if ((await plannedRemoval(deps, userId)) === null) return;
  await deps.db.transaction(tx => cancelRemoval(deps, tx, { userId, reason: 'factor_used', caller }));
}

/** Removes the factors of an account whose time has come; false when it has not. */
export async function carryOutRemoval(deps: Deps, userId: string): Promise<boolean> {
  const now = deps.clock.now();
  const planned = await plannedRemoval(deps, userId);
  if (planned === null || planned > now) return false;
  return deps.db.transaction(async tx => {
    const account = await lockAccount(tx, userId);
    if (!(await deleteRemoval(tx, { userId, due: now }))) return false;
    const kinds = (await selectFactors(tx, userId)).map(({ kind }) => kind);
    await deleteFactors(tx, { userId, kind: null, now });
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

/** Carries out what is due, for accounts that nobody logs in to meanwhile; returns how many. */
export async function carryOutDueRemovals(deps: Deps, { limit }: { limit: number }): Promise<number> {
  const due = await selectDueRemovals(deps.db, deps.clock.now(), limit);
  for (const userId of due) await carryOutRemoval(deps, userId);
  return due.length;
}

/** When the factors of an account will be removed; null when nothing is planned. */
export function plannedRemoval({ db }: Pick<Deps, 'db'>, userId: string): Promise<Date | null> {
  return selectRemoval(db, userId);
}
