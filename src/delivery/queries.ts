import { addSeconds } from '../platform/clock.ts';
import type { Sql } from '../platform/database.ts';
import { type Fragment, fromIf, sql } from '../platform/sql.ts';

export interface OutboxRow {
  readonly id: string;
  readonly channel: 'mail' | 'sms';
  readonly template: string;
  readonly recipient: string | Fragment;
  readonly userId: string | null | Fragment;
  readonly params: object;
  readonly secretsSealed: Buffer | null;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
}

// How many mails an hour an account may cause to a mailbox that it has not proven: it may be a stranger's.
const UNPROVEN_AN_HOUR = 20;

// Exempt: mails that have budgets of their own, and with which the owner of a mailbox takes or proves the account.
const ALWAYS = ['email-change-confirm', 'reset-password', 'sign-in', 'verify-email'];

// Mails that answer somebody at a screen, as every text message does. Whoever signs up with a taken address waits as well.
const AWAITED = [...ALWAYS, 'email-taken'];

/**
 * `insert into outbox … select … [from source]`, to stand in a CTE: one message for each row of the source; none if a mailbox
 * that nobody has proven already got enough of them this hour. Call `wakeDelivery(deps.db)` after the commit, or the message
 * waits for the next poll.
 */
export function insertMail(row: OutboxRow, source?: Fragment): Fragment {
  const awaited = row.channel === 'sms' || AWAITED.includes(row.template);
  const written = sql`(id, channel, template, recipient, user_id, params, secrets_sealed, expires_at, awaited,
      next_attempt_at, created_at)`;
  return sql`insert into outbox ${written}
    select * from (
      select ${row.id}::uuid, ${row.channel}::text, ${row.template}::text, ${row.recipient}::text, ${row.userId}::uuid,
        ${JSON.stringify(row.params)}::jsonb, ${row.secretsSealed}::bytea, ${row.expiresAt}::timestamptz,
        ${awaited}::boolean, ${row.createdAt}::timestamptz, ${row.createdAt}::timestamptz
      ${fromIf(source)})
      as m ${written}
    ${row.channel === 'mail' && !ALWAYS.includes(row.template) ? sparing(row.createdAt) : sql``}`;
}

const sparing = (now: Date) => sql`
  where not exists (
    select from users u where u.id = m.user_id and u.email_verified_at is null and ${UNPROVEN_AN_HOUR}::int <= (
      select count(*) from (
        select from outbox o where o.user_id = u.id and o.created_at > ${addSeconds(now, -3600)}::timestamptz
          and o.created_at <= ${addSeconds(now, 60)}::timestamptz
        limit ${UNPROVEN_AN_HOUR}::int) as few))`;

/** A message as it waits, with its secrets sealed. */
export interface StoredMessage {
  readonly id: string;
  readonly template: string;
  readonly recipient: string;
  readonly userId: string | null;
  readonly params: Readonly<Record<string, unknown>>;
  readonly secretsSealed: Buffer | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

const columns = sql`id, template, recipient, user_id as "userId", params, secrets_sealed as "secretsSealed",
  created_at as "createdAt", expires_at as "expiresAt"`;

export interface Claimed extends StoredMessage {
  readonly channel: 'mail' | 'sms';
  /** This attempt's number, which fences off whoever held the lease before. */
  readonly attempts: number;
}

/** A condition: neither sent nor given up. */
export const pending = sql`sent_at is null and dead_at is null`;
// The same as outbox_due_idx spells it, for statements that are to use this index and no other.
const queued = sql`coalesce(sent_at, dead_at) is null`;

// `any(array(…))`, here and wherever rows are taken in batches: `in (…)` may be planned as a join that selects the batch again
// for each row, and skips the rows that it has taken itself.
/**
 * Takes the lease of up to `limit` messages due on a channel: of those that somebody waits for (`awaited`) or of the others,
 * then of the rest; of each the longest due first. Skips those that another worker is claiming.
 */
export function claimDue(
  db: Sql,
  claim: { channel: string; awaited: boolean; limit: number; now: Date; claimedUntil: Date },
): Promise<Claimed[]> {
  const { channel, awaited, limit, now, claimedUntil } = claim;
  const due = (isAwaited: boolean, count: Fragment) => sql`
    select id from outbox
    where ${queued} and next_attempt_at <= ${now}::timestamptz
      and (claimed_until is null or claimed_until <= ${now}::timestamptz)
      and channel = ${channel}::text and awaited = ${isAwaited}::boolean
    order by next_attempt_at limit ${count} for update skip locked`;
  return db.rows(sql`
    with preferred as materialized (${due(awaited, sql`${limit}::int`)}),
    others as materialized (${due(!awaited, sql`${limit}::int - (select count(*) from preferred)`)})
    update outbox set claimed_until = ${claimedUntil}::timestamptz, attempts = attempts + 1
    where id = any(array(select id from preferred union all select id from others))
    returning ${columns}, channel, attempts`);
}

// For statements that find a message by its id or its person. Written so that PostgreSQL uses no index of unsent messages: such
// an index is usually empty, and a cached plan that reads all of it would stay in use after an outage has left a hundred
// thousand messages there.
const unsent = sql`num_nonnulls(sent_at) = 0`;
const held = ({ id, attempts }: Claimed) =>
  sql`id = ${id}::uuid and attempts = ${attempts}::int and num_nonnulls(sent_at, dead_at) = 0`;

/** Holds on to a message for longer; writes nothing when the claim was lost. */
export function renewLease(db: Sql, claimed: Claimed, until: Date): Promise<number> {
  return db.run(sql`update outbox set claimed_until = ${until}::timestamptz where ${held(claimed)}`);
}

/**
 * Marks a message as sent and erases what it carried. Not fenced by the attempt, because the receiver has the message,
 * whichever attempt sent it.
 */
export function markSent(db: Sql, { id }: Claimed, now: Date): Promise<number> {
  return db.run(sql`update outbox set sent_at = ${now}::timestamptz, claimed_until = null, dead_at = null,
      secrets_sealed = null, params = '{}', last_error = null
    where id = ${id}::uuid and ${unsent}`);
}

/** Not sent: free for another try from `nextAttemptAt` on, with `used` tries gone. Writes nothing when the claim was lost. */
export function markRetry(
  db: Sql,
  claimed: Claimed,
  nextAttemptAt: Date,
  error: string,
  used: number,
): Promise<number> {
  return db.run(sql`update outbox set claimed_until = null, next_attempt_at = ${nextAttemptAt}::timestamptz,
      last_error = ${error}::text, attempts = ${used}::int
    where ${held(claimed)}`);
}

/** Given up, but kept whole for a requeue. Writes nothing when the claim was lost. */
export function markDead(db: Sql, claimed: Claimed, now: Date, error: string): Promise<number> {
  return db.run(sql`update outbox set claimed_until = null, dead_at = ${now}::timestamptz, last_error = ${error}::text
    where ${held(claimed)}`);
}

/** Too late to send: dead, and its secret erased, so that no requeue can bring it back. */
export function markExpired(db: Sql, claimed: Claimed, now: Date): Promise<number> {
  return db.run(sql`update outbox set claimed_until = null, dead_at = ${now}::timestamptz, secrets_sealed = null,
      last_error = 'expired before it could be sent'
    where ${held(claimed)}`);
}

/** Withdraws one person's unsent texts, of one kind or (null) of all: they expire at once, and their secrets are erased. */
export function withdrawUnsent(
  tx: Sql,
  {
    userId,
    template,
    reason,
    now,
  }: { userId: string | null; template: string | null; reason: string; now: Date },
): Promise<number> {
  return tx.run(sql`update outbox set dead_at = ${now}::timestamptz, expires_at = ${now}::timestamptz, claimed_until = null,
      secrets_sealed = null, last_error = ${reason}::text
    where user_id = ${userId}::uuid and channel = 'sms' and template = coalesce(${template}::text, template)
      and ${unsent} and num_nulls(secrets_sealed) = 0`);
}

/** Makes messages that wait for a later time due now; with `pace`, none that waits for longer than this interval. */
export function hasten(db: Sql, channel: string, now: Date, pace?: Fragment): Promise<number> {
  return db.run(sql`update outbox set next_attempt_at = ${now}::timestamptz
    where ${queued} and channel = ${channel}::text and next_attempt_at > ${now}::timestamptz
      and claimed_until is null
      ${pace === undefined ? sql`` : sql`and next_attempt_at <= ${now}::timestamptz + ${pace}`}`);
}

/** For each channel, why the newest of the messages that wait after a try was not sent. */
export function findChannelErrors(db: Sql): Promise<{ channel: Claimed['channel']; error: string }[]> {
  return db.rows(sql`
    select distinct on (channel) channel, last_error as error from outbox
    where ${pending} and last_error is not null order by channel, created_at desc, id desc`);
}

const revived = (now: Date) => sql`
  update outbox set dead_at = null, attempts = 0, claimed_until = null, last_error = null, next_attempt_at = ${now}::timestamptz`;
const revivable = (now: Date) =>
  sql`dead_at is not null and (expires_at is null or expires_at > ${now}::timestamptz)`;

/** Makes a dead message due with all its tries; 0 where it is not dead, or has expired. */
export function revive(db: Sql, id: string, now: Date): Promise<number> {
  return db.run(sql`${revived(now)} where id = ${id}::uuid and ${unsent} and ${revivable(now)}`);
}

/** The same for the first `limit` dead messages after the id `after`: how many, and the last id; null when none follow. */
export async function reviveNext(
  db: Sql,
  { after, limit, now }: { after: string; limit: number; now: Date },
): Promise<{ count: number; last: string | null }> {
  const row = await db.row<{ count: number; last: string | null }>(sql`
    with slice as materialized (
      select id from outbox where id > ${after}::uuid and sent_at is null and ${revivable(now)}
      order by id limit ${limit}::int),
    revived as (${revived(now)} where id = any(array(select id from slice)) and ${unsent} and ${revivable(now)} returning 1)
    select (select count(*) from revived) as count, (select id from slice order by id desc limit 1) as last`);
  return row ?? { count: 0, last: null };
}

/** The newest mails that were not sent: all of them, the one with an id, or those to an address in any letter case. */
export function findUnsentMails(
  db: Sql,
  { id, to, limit }: { id: string | null; to: string | null; limit: number },
): Promise<StoredMessage[]> {
  return db.rows(sql`
    select ${columns} from outbox
    where channel = 'mail' and sent_at is null and (${id}::uuid is null or id = ${id}::uuid)
      and (${to}::text is null or lower(recipient) = lower(${to}::text))
    order by created_at desc, id desc limit ${limit}::int`);
}

/** The message with this id, sent or not, if it belongs to somebody and was written after `writtenAfter`; else null. */
export function findMessage(
  db: Sql,
  id: string,
  writtenAfter: Date,
): Promise<{ id: string; userId: string; template: string; sentTo: string; createdAt: Date } | null> {
  return db.row(sql`select id, user_id as "userId", template, recipient as "sentTo", created_at as "createdAt"
    from outbox
    where id = ${id}::uuid and user_id is not null and created_at > ${writtenAfter}::timestamptz`);
}
