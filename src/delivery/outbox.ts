import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { deleteOldBudgets } from './budget-queries.ts';
import { findChannelErrors, pending, revive, reviveNext } from './queries.ts';
import { wakeDelivery } from './wake.ts';

type OutboxDeps = Pick<Deps, 'db' | 'clock'>;

const DAY = 86_400;
// Longer than NOTICE_LIFETIME: a notice is looked up here when its receiver says "this was not me".
const KEEP_SENT_DAYS = 7;
const KEEP_OTHERS_DAYS = 30;
const REVIVED_AT_ONCE = 1_000;
// Sorts before every id.
const NIL = '00000000-0000-0000-0000-000000000000';

export interface OutboxEntry {
  readonly id: string;
  readonly channel: 'mail' | 'sms';
  readonly template: string;
  readonly recipient: string;
  readonly state: 'waiting' | 'sending' | 'sent' | 'dead' | 'expired';
  readonly attempts: number;
  readonly createdAt: Date;
  readonly nextAttemptAt: Date | null;
  readonly sentAt: Date | null;
  readonly lastError: string | null;
}

/** The newest messages, or the newest dead ones; the secrets are not among the columns. */
export function listOutbox(
  { db, clock }: OutboxDeps,
  { dead = false, limit = 100 }: { dead?: boolean; limit?: number } = {},
): Promise<OutboxEntry[]> {
  const now = clock.now();
  return db.rows(sql`
    select id, channel, template, recipient, attempts, created_at as "createdAt", sent_at as "sentAt",
      last_error as "lastError",
      case when sent_at is null and dead_at is null then next_attempt_at end as "nextAttemptAt",
      case
        when sent_at is not null then 'sent'
        when dead_at is not null and expires_at <= ${now}::timestamptz then 'expired'
        when dead_at is not null then 'dead'
        when claimed_until > ${now}::timestamptz then 'sending'
        else 'waiting'
      end as state
    from outbox
    ${dead ? sql`where sent_at is null and dead_at is not null order by created_at desc, id desc` : sql`order by id desc`}
    limit ${limit}::int`);
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

export interface OutboxStats {
  /** Waiting for a first or another attempt. */
  readonly waiting: number;
  readonly dead: number;
  /** Age of the oldest message that waits; 0 when none does. */
  readonly oldestSeconds: number;
}

/** For `/metrics` and `outbox list`: how many messages wait, for how long, and how many are dead. */
export async function outboxStats({ db, clock }: OutboxDeps): Promise<OutboxStats> {
  const row = await db.row<OutboxStats>(sql`
    select count(*) filter (where ${pending}) as waiting, count(*) filter (where dead_at is not null) as dead,
      coalesce(extract(epoch from ${clock.now()}::timestamptz - min(created_at) filter (where ${pending})), 0)::float8
        as "oldestSeconds"
    from outbox where sent_at is null`);
  return row ?? { waiting: 0, dead: 0, oldestSeconds: 0 };
}

/** Erases up to `limit` secrets that expired unsent; returns how many. */
export function eraseExpiredSecrets({ db, clock }: OutboxDeps, limit: number): Promise<number> {
  return db.run(sql`update outbox set secrets_sealed = null where id = any(array(
    select id from outbox where secrets_sealed is not null and expires_at <= ${clock.now()}::timestamptz
    order by expires_at limit ${limit}::int for update skip locked))`);
}

/** Removes up to `limit` budget windows that are over; returns how many. */
export function sweepBudgets({ db, clock }: OutboxDeps, limit: number): Promise<number> {
  return deleteOldBudgets(db, addSeconds(clock.now(), -2 * DAY), limit);
}

/**
 * Removes up to `limit` messages of each kind: sent ones after a week, all others after 30 days. Returns how many were
 * removed; the caller repeats while it is `limit` or more. The oldest go first; rows that are locked elsewhere are skipped.
 */
export async function sweepOutbox({ db, clock }: OutboxDeps, limit: number): Promise<number> {
  const now = clock.now();
  const deleting = (old: Fragment) => sql`
    delete from outbox where id = any(array(
      select id from outbox where ${old} order by created_at limit ${limit}::int for update skip locked))`;
  const before = (days: number) => sql`created_at < ${addSeconds(now, -days * DAY)}::timestamptz`;
  const sent = await db.run(deleting(sql`sent_at is not null and ${before(KEEP_SENT_DAYS)}`));
  return sent + (await db.run(deleting(sql`sent_at is null and ${before(KEEP_OTHERS_DAYS)}`)));
}
