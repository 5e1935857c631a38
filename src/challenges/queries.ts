import type { Sql, Tx } from '../platform/database.ts';
import { type Fragment, fromIf, sql } from '../platform/sql.ts';
import type { Challenge, Purpose } from './challenge.ts';

export interface ChallengeRow {
  readonly id: string;
  readonly purpose: Purpose;
  readonly userId: string | null | Fragment;
  readonly secretHash: Buffer;
  readonly sentTo: string | null | Fragment;
  readonly data: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** The columns of a Challenge. */
export const columns = sql`id, purpose, user_id as "userId", sent_to as "sentTo", data, attempts,
  created_at as "createdAt", expires_at as "expiresAt"`;

/** A condition: neither spent nor expired. */
export const open = (now: Date) => sql`consumed_at is null and expires_at > ${now}::timestamptz`;

/** `insert into challenges … select … [from source]`, to stand in a CTE; inserts nothing when the source has no row. */
export function insertChallenge(row: ChallengeRow, source?: Fragment): Fragment {
  return sql`insert into challenges (id, purpose, user_id, secret_hash, sent_to, data, created_at, expires_at)
    select ${row.id}::uuid, ${row.purpose}::text, ${row.userId}::uuid, ${row.secretHash}::bytea, ${row.sentTo}::text,
      ${JSON.stringify(row.data)}::jsonb, ${row.createdAt}::timestamptz, ${row.expiresAt}::timestamptz
    ${fromIf(source)}`;
}

// After the clock was set back, a secret may seem to be issued in the future. From here on it counts as issued now, so that a
// wait counted from it does not begin anew each time somebody asks.
const bringingBack = (purpose: Purpose, userId: string | null, now: Date) =>
  sql`late as (
    update challenges set created_at = ${now}::timestamptz
    where user_id = ${userId}::uuid and purpose = ${purpose}::text and created_at > ${now}::timestamptz)`;

/** When the `nth` newest secret was issued, 1 being the newest; null where there are fewer. Never after now. */
export async function findSentAt(
  tx: Tx,
  { purpose, userId, nth, now }: { purpose: Purpose; userId: string; nth: number; now: Date },
): Promise<Date | null> {
  const row = await tx.row<{ at: Date }>(
    sql`with ${bringingBack(purpose, userId, now)}
      select least(created_at, ${now}::timestamptz) as at from challenges
      where user_id = ${userId}::uuid and purpose = ${purpose}::text
      order by at desc offset ${nth - 1}::int limit 1`,
  );
  return row?.at ?? null;
}

/** Counts, compares and burns in one statement, so that the row lock orders answers that come at once. */
export function answerOne(
  db: Sql,
  {
    id,
    purpose,
    hashes,
    maxAttempts,
    now,
  }: {
    id: string;
    purpose: Purpose;
    hashes: Buffer[];
    maxAttempts: number;
    now: Date;
  },
): Promise<(Challenge & { right: boolean }) | null> {
  return db.row(
    sql`update challenges set
        attempts = attempts + 1,
        consumed_at = case
          when secret_hash = any(${hashes}::bytea[]) or attempts + 1 >= ${maxAttempts}::int
          then ${now}::timestamptz
        end
      where id = ${id}::uuid and purpose = ${purpose}::text and ${open(now)} and attempts < ${maxAttempts}::int
      returning ${columns}, secret_hash = any(${hashes}::bytea[]) as "right"`,
  );
}

const lockOf = (purpose: Purpose, whose: string) =>
  sql`hashtextextended('challenges:' || ${purpose}::text || ${whose}::text, 0)`;

/**
 * Until the transaction ends, no other caller of this sends a secret of this purpose to the same: of several at once, each
 * sees what those before it left open. `whose` is an account's id, or an address that no account has.
 */
export function lockPurpose(tx: Sql, purpose: Purpose, whose: string): Promise<unknown> {
  return tx.row(sql`select pg_advisory_xact_lock(${lockOf(purpose, whose)})`);
}

/** The same without waiting: false if another transaction is in. */
export async function tryPurpose(tx: Sql, purpose: Purpose, whose: string): Promise<boolean> {
  const row = await tx.row<{ locked: boolean }>(
    sql`select pg_try_advisory_xact_lock(${lockOf(purpose, whose)}) as locked`,
  );
  return row?.locked === true;
}

/** How many challenges with these data were made for a person since then, whatever became of them. */
export async function countSince(
  tx: Tx,
  {
    purpose,
    userId,
    data,
    since,
    now,
  }: {
    purpose: Purpose;
    userId: string | null;
    data: Readonly<Record<string, unknown>>;
    since: Date;
    now: Date;
  },
): Promise<number> {
  const row = await tx.row<{ count: number }>(sql`
    with ${bringingBack(purpose, userId, now)}
    select count(*) as count from challenges
    where user_id = ${userId}::uuid and purpose = ${purpose}::text and data @> ${JSON.stringify(data)}::jsonb
      and created_at > ${since}::timestamptz`);
  return row?.count ?? 0;
}

/** Removes what expired before then, the oldest first; passes over what another sweep holds. */
export function deleteExpired(db: Sql, before: Date, limit: number): Promise<number> {
  return db.run(
    sql`delete from challenges where id = any(array(
      select id from challenges where expires_at < ${before}::timestamptz
      order by expires_at limit ${limit}::int for update skip locked))`,
  );
}

/** Writes a row that is consumed already; 0 where it was there before. */
export function insertSpent(
  tx: Sql,
  row: { id: string; purpose: Purpose; userId: string; secretHash: Buffer; expiresAt: Date; now: Date },
): Promise<number> {
  return tx.run(
    sql`insert into challenges (id, purpose, user_id, secret_hash, data, created_at, expires_at, consumed_at)
      values (${row.id}::uuid, ${row.purpose}::text, ${row.userId}::uuid, ${row.secretHash}::bytea, '{}',
        ${row.now}::timestamptz, ${row.expiresAt}::timestamptz, ${row.now}::timestamptz)
      on conflict do nothing`,
  );
}

/** Whether there is a row, spent or not. */
export async function isStored(db: Sql, { id, purpose }: { id: string; purpose: Purpose }): Promise<boolean> {
  const found = sql`select 1 as found from challenges where id = ${id}::uuid and purpose = ${purpose}::text`;
  return (await db.row<{ found: number }>(found)) !== null;
}
