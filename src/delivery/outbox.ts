import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { deleteOldBudgets } from './budget-queries.ts';
import {
  countEntries,
  deleteOld,
  eraseExpired,
  findChannelErrors,
  listEntries,
  type OutboxEntry,
  type OutboxStats,
  revive,
  reviveNext,
} from './queries.ts';
import { wakeDelivery } from './wake.ts';

type OutboxDeps = Pick<Deps, 'db' | 'clock'>;

const DAY = 86_400;
// Longer than NOTICE_LIFETIME: a notice is looked up here when its receiver says "this was not me".
const KEEP_SENT_DAYS = 7;
const KEEP_OTHERS_DAYS = 30;
const REVIVED_AT_ONCE = 1_000;
// Sorts before every id.
const NIL = '00000000-0000-0000-0000-000000000000';

/** The newest messages, or the newest dead ones, without anything secret. */
export function listOutbox(
  { db, clock }: OutboxDeps,
  { dead = false, limit = 100 }: { dead?: boolean; limit?: number } = {},
): Promise<OutboxEntry[]> {
  return listEntries(db, { dead, limit, now: clock.now() });
}

/**
 * The same, and of each message that was never tried what its channel failed with last (`channelError`; null if with nothing):
 * an outage lets only a few be tried.
 */
export async function explainOutbox(
  deps: OutboxDeps,
  which: { dead: boolean; limit: number },
): Promise<(OutboxEntry & { readonly channelError: string | null })[]> {
  const errors = new Map((await findChannelErrors(deps.db)).map(({ channel, error }) => [channel, error]));
  return (await listOutbox(deps, which)).map(entry => {
    const isUntried = entry.state === 'waiting' && entry.attempts === 0;
    return { ...entry, channelError: isUntried ? (errors.get(entry.channel) ?? null) : null };
  });
}

/**
 * Gives dead messages, the one with this id or all, another full round of attempts. Returns how many. Expired messages stay
 * dead, because their links would open nothing.
 */
export async function requeue(
  { db, clock }: OutboxDeps,
  { id = null }: { id?: string | null },
): Promise<number> {
  const now = clock.now();
  const count = id === null ? await reviveAll(db, now) : await revive(db, id, now);
  wakeDelivery(db);
  return count;
}

// After an outage of days there may be more dead messages than one statement has time for.
async function reviveAll(db: OutboxDeps['db'], now: Date): Promise<number> {
  let all = 0;
  let after: string | null = NIL;
  while (after !== null) {
    const { count, last } = await reviveNext(db, { after, limit: REVIVED_AT_ONCE, now });
    all += count;
    after = last;
  }
  return all;
}

/** For `/metrics` and `outbox list`: how many messages wait, for how long, and how many are dead. */
export function outboxStats({ db, clock }: OutboxDeps): Promise<OutboxStats> {
  return countEntries(db, clock.now());
}

/** Erases up to `limit` secrets that expired unsent; returns how many. */
export function eraseExpiredSecrets({ db, clock }: OutboxDeps, limit: number): Promise<number> {
  return eraseExpired(db, clock.now(), limit);
}

/** Removes up to `limit` budget windows that are over; returns how many. */
export function sweepBudgets({ db, clock }: OutboxDeps, limit: number): Promise<number> {
  return deleteOldBudgets(db, addSeconds(clock.now(), -2 * DAY), limit);
}

/**
 * Removes up to `limit` messages of each kind: sent ones after a week, all others after 30 days. Returns how many were
 * removed; the caller repeats while it is `limit` or more.
 */
export function sweepOutbox({ db, clock }: OutboxDeps, limit: number): Promise<number> {
  const now = clock.now();
  return deleteOld(db, {
    sentBefore: addSeconds(now, -KEEP_SENT_DAYS * DAY),
    otherBefore: addSeconds(now, -KEEP_OTHERS_DAYS * DAY),
    limit,
  });
}
