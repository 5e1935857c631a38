import { addSeconds } from '../platform/clock.ts';
import type { Sql, Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, isOwned, list, sql } from '../platform/sql.ts';
import type { DeviceClaim } from './devices.ts';

const DAY = 86_400;
// By how many seconds the clocks that set and read a lock may differ.
const CLOCKS_DIFFER = 3_600;
/** How many failures in a row, however slow, bring the longest lock (NIST SP 800-63B-4 §3.2.2). */
const mostInARow = (limit: number) => Math.max(100, limit);

/** What taking an attempt gave: the lane's counter, or the end of its lock. */
export interface Attempt {
  readonly subject: Buffer;
  readonly allowed: boolean;
  /** This attempt is the last one: unless it succeeds, the lane is locked until then. */
  readonly lockedUntil: Date | null;
  readonly failures: number;
  /** The window that it was counted in; null where nothing is counted. */
  readonly windowStartedAt: Date | null;
}

/** No lock ends later than this: one that does was set by a clock that was far ahead, and has been put back. */
const latestEnd = ({ clock, config }: Pick<Deps, 'clock' | 'config'>): Date =>
  addSeconds(clock.now(), config.lockout.maxDuration + CLOCKS_DIFFER);

/** Whether a lane with this end of its lock is locked now. */
export function isLocked(deps: Pick<Deps, 'clock' | 'config'>, lockedUntil: Date | null): boolean {
  return lockedUntil !== null && lockedUntil > deps.clock.now() && lockedUntil <= latestEnd(deps);
}

/**
 * Counts an attempt against a subject (an expression); returns no row if that is locked. The attempt that reaches the limit
 * locks at once, before its secret is checked, for a duration that doubles with each lock. The hundredth failure in a row,
 * even if too slow to fill any window, locks for the longest duration. A day without failure forgets it all. Whatever
 * comes of the attempt, the row stays for the next one: it is only ever written in place.
 */
export function attemptFragment(
  deps: Pick<Deps, 'clock' | 'config'>,
  { subject, userId, from }: { subject: Fragment; userId: Fragment; from?: Fragment },
): Fragment {
  const { lockout } = deps.config;
  const now = deps.clock.now();
  const limit = lockout.attempts;
  const longest = sql`${lockout.maxDuration}::float8`;
  const until = (locks: Fragment) =>
    sql`${now}::timestamptz + make_interval(secs => least(${longest}, ${lockout.duration}::float8 * power(2, least(${locks}, 20))))`;
  const forgotten = sql`l.last_failure_at <= ${addSeconds(now, -DAY)}::timestamptz`;
  const anew = sql`(${forgotten} or l.failures = 0 or l.locked_until is not null or l.window_started_at <= ${addSeconds(now, -lockout.window)}::timestamptz)`;
  const failures = sql`case when ${anew} then 1 else l.failures + 1 end`;
  const inARow = sql`case when ${forgotten} then 1 else l.in_a_row + 1 end`;
  const tooMany = sql`${inARow} >= ${mostInARow(limit)}::int`;
  const last = sql`(${failures} >= ${limit}::int or ${tooMany})`;
  const locks = sql`case when ${forgotten} then 0 else l.locks end`;
  const keptUntil = addSeconds(now, DAY + lockout.maxDuration)
    .toISOString()
    .slice(0, 10);
  return sql`
    insert into lockouts as l (subject, user_id, failures, window_started_at, in_a_row, locks, locked_until,
      last_failure_at, kept_until)
    select ${subject}, ${userId}, 1, ${now}::timestamptz, 1, case when ${limit}::int <= 1 then 1 else 0 end,
      case when ${limit}::int <= 1 then ${until(sql`0`)} end, ${now}::timestamptz, ${keptUntil}::date
    ${from ?? sql``}
    on conflict (subject) do update set
      failures = ${failures},
      window_started_at = case when ${anew} then ${now}::timestamptz else l.window_started_at end,
      in_a_row = ${inARow},
      locks = ${locks} + case when ${last} then 1 else 0 end,
      locked_until = case
        when ${tooMany} then ${now}::timestamptz + make_interval(secs => ${longest})
        when ${failures} >= ${limit}::int then ${until(locks)} end,
      last_failure_at = ${now}::timestamptz,
      kept_until = excluded.kept_until,
      notified_at = case when ${forgotten} then null else l.notified_at end
    where l.locked_until is null or l.locked_until <= ${now}::timestamptz or l.locked_until > ${latestEnd(deps)}::timestamptz
    returning l.subject, l.failures, l.locked_until, l.window_started_at`;
}

/**
 * The subject (an expression) under which attempts are counted: the first of these, unless one of them has a row already.
 * While roots change, a name that no account has stands for more than one.
 */
export function countedUnder(subjects: readonly Buffer[]): Fragment {
  const all = list(subjects, subject => sql`${subject}::bytea`);
  return sql`coalesce(
    (select subject from lockouts where subject in (${all}) order by last_failure_at desc limit 1), ${subjects[0]}::bytea)`;
}

interface AttemptRow {
  readonly subject: Buffer;
  readonly failures: number | null;
  readonly locked_until: Date | null;
  readonly locked_before: Date | null;
  readonly window_started_at: Date | null;
}

/** Takes an attempt. If its subject is locked, `allowed` is false and `lockedUntil` is the end of the lock. */
export async function insertAttempt(
  deps: Pick<Deps, 'clock' | 'config'>,
  database: Sql,
  { subjects, userId }: { subjects: readonly Buffer[]; userId: string | null },
): Promise<Attempt> {
  const attempt = attemptFragment(deps, {
    subject: sql`lane.subject`,
    userId: sql`${userId}::uuid`,
    from: sql`from lane`,
  });
  const row = (await database.row<AttemptRow>(sql`
    with lane as (select ${countedUnder(subjects)} as subject),
    attempt as (${attempt})
    select lane.subject, a.failures, a.locked_until, a.window_started_at, l.locked_until as locked_before
    from lane left join attempt a on true left join lockouts l on l.subject = lane.subject`)) as AttemptRow;
  const allowed = row.failures !== null;
  return {
    subject: row.subject,
    allowed,
    lockedUntil: allowed ? row.locked_until : row.locked_before,
    failures: row.failures ?? 0,
    windowStartedAt: row.window_started_at,
  };
}

// A row that was cleared stays, but remembers nothing.
const remembers = sql`(failures > 0 or locks > 0 or in_a_row > 0)`;

/** Forgets a subject's failures but keeps its row: deleting and inserting one at each login cost as much as all the rest. */
export function clearLockout(subject: Fragment): Fragment {
  return sql`
    update lockouts set failures = 0, in_a_row = 0, locks = 0, locked_until = null, notified_at = null where subject = ${subject}`;
}

/**
 * Takes one failure off, and lifts the lock if the attempt that is given back had set it. Does nothing if `windowStartedAt` is
 * given and that window has ended since.
 */
export function returnAttempt(
  database: Sql,
  { subject, limit, windowStartedAt }: { subject: Buffer; limit: number; windowStartedAt?: Date },
): Promise<number> {
  const last = sql`(failures = ${limit}::int or in_a_row >= ${mostInARow(limit)}::int)`;
  return database.run(sql`
    update lockouts set
      locks = case when ${last} and locked_until is not null then locks - 1 else locks end,
      locked_until = case when ${last} then null else locked_until end,
      failures = greatest(failures - 1, 0),
      in_a_row = greatest(in_a_row - 1, 0)
    where subject = ${subject}::bytea
      and window_started_at = coalesce(${windowStartedAt ?? null}::timestamptz, window_started_at)`);
}

/** Lifts every lock of an account, after a reset or for an administrator. Returns the lanes that had failures. */
export function unlockAccount(
  database: Sql,
  userId: string,
): Promise<readonly Pick<LockoutRow, 'locked_until'>[]> {
  return database.rows(sql`
    delete from lockouts where user_id = ${userId}::uuid and ${remembers} returning locked_until`);
}

export interface LockoutRow {
  /** Counted since the last success, because the failures of one window do not explain every lock. */
  readonly failures: number;
  readonly locked_until: Date | null;
  readonly last_failure_at: Date;
  readonly known_device: boolean;
}

/** An account's lanes that have failures, for an operator, the latest failure first. */
export function lockoutsOf(database: Sql, userId: string): Promise<LockoutRow[]> {
  return database.rows<LockoutRow>(sql`
    select greatest(failures, in_a_row) as failures, locked_until, last_failure_at, length(subject) > 16 as known_device
    from lockouts where user_id = ${userId}::uuid and ${remembers} order by last_failure_at desc`);
}

/** Whether the lock that an attempt set still holds the lane. If so, nobody changes the lane until the transaction ends. */
export async function lockStands(
  tx: Tx,
  { subject, until }: { subject: Buffer; until: Date },
): Promise<boolean> {
  const row = await tx.row(sql`
    select from lockouts where subject = ${subject}::bytea and locked_until = ${until}::timestamptz for update`);
  return row !== null;
}

/** True for the first caller to tell the owner of a lock; false until a day without failure has passed. */
export async function markLockNotified(
  { clock }: Pick<Deps, 'clock'>,
  database: Sql,
  subject: Buffer,
): Promise<boolean> {
  const written = await database.run(sql`
    update lockouts set notified_at = ${clock.now()}::timestamptz where subject = ${subject}::bytea and notified_at is null`);
  return written === 1;
}

/** Makes a device a stranger again. */
export function forgetDevice(database: Sql, { userId, deviceId }: DeviceClaim): Promise<number> {
  return database.run(
    sql`delete from known_devices where id = ${deviceId}::uuid and ${isOwned(sql`user_id`, sql`${userId}::uuid`)}`,
  );
}

export interface DeviceRow {
  readonly id: string;
  readonly name: string;
  readonly created_at: Date;
  readonly last_seen_at: Date;
}

/** The devices that have logged in to an account, the latest first: up to `limit` of those after `last_seen_at` and `id`. */
export function devicesOfUser(
  database: Sql,
  userId: string,
  { after, limit }: { after: readonly string[] | null; limit: number },
): Promise<DeviceRow[]> {
  const [seen = null, id = null] = after ?? [];
  return database.rows(sql`
    select id, name, created_at, last_seen_at from known_devices where user_id = ${userId}::uuid
      and (${id}::uuid is null or (last_seen_at, id) < (${seen}::timestamptz, ${id}::uuid))
    order by last_seen_at desc, id desc limit ${limit}::int`);
}

/** Makes every device of an account a stranger again: after a reset, a theft, a logout from everywhere. */
export function forgetDevicesOf(database: Sql, userId: string): Promise<number> {
  return database.run(sql`delete from known_devices where user_id = ${userId}::uuid`);
}

/** Makes a device known, in the statement that lets its user in; nothing if `source`, which holds their `id`, has no row. */
export function newDeviceFragment(
  { deviceId, name, now }: { deviceId: string; name: string; now: Date },
  source: Fragment,
): Fragment {
  return sql`
    insert into known_devices (id, user_id, name, created_at, last_seen_at)
    select ${deviceId}::uuid, id, ${name}::text, ${now}::timestamptz, ${now}::timestamptz from ${source}`;
}

/** The same for a device that was known before; one that was removed meanwhile stays removed. */
export function seenDeviceFragment(
  { deviceId, now }: { deviceId: string; now: Date },
  source: Fragment,
): Fragment {
  return sql`
    update known_devices set last_seen_at = ${now}::timestamptz
    where id = ${deviceId}::uuid and exists (select from ${source})`;
}

/** A subselect: which of these devices belongs to an account (an expression). Searches by id, however many the account has. */
export function knownAmong(ids: readonly string[], userId: Fragment): Fragment {
  return sql`(
    select d.id from known_devices d where d.id in (${list(ids, id => sql`${id}::uuid`)}) and ${isOwned(sql`d.user_id`, userId)} limit 1)`;
}

/** A condition: whether an account has a device of this name. */
export function hasNamed(userId: string, name: string): Fragment {
  return sql`exists (select from known_devices d where d.user_id = ${userId}::uuid and d.name = ${name}::text)`;
}

/** Which of these devices belongs to the account; null for none. */
export async function selectKnownDevice(
  database: Sql,
  userId: string,
  ids: readonly string[],
): Promise<string | null> {
  const row = await database.row<{ id: string | null }>(sql`
    select ${knownAmong(ids, sql`${userId}::uuid`)} as id`);
  return row?.id ?? null;
}

/** Deletes up to `limit` counters that remember nothing by `now`, but none that another sweep holds; returns how many. */
export function sweepLockouts(database: Sql, now: Date, limit: number): Promise<number> {
  return database.run(sql`
    delete from lockouts where subject = any(array(
      select subject from lockouts where kept_until < ${now.toISOString().slice(0, 10)}::date
      limit ${limit}::int for update skip locked))`);
}

/** Removes devices that were last seen before then; passes over what another sweep holds. Reads the whole table. */
export function deleteOldDevices(database: Sql, before: Date, limit: number): Promise<number> {
  return database.run(sql`
    delete from known_devices where id = any(array(
      select id from known_devices where last_seen_at < ${before}::timestamptz
      limit ${limit}::int for update skip locked))`);
}
