import { type Account, accountColumns } from '../accounts/account.ts';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { sql } from '../platform/sql.ts';
import { type DeviceClaim, knownAmong } from '../throttle/devices.ts';
import { attemptFragment, countedUnder } from '../throttle/lockout.ts';

export interface LoginRow extends Account {
  readonly password_hash: string | null;
  readonly password_changed_at: Date | null;
  readonly password_weak: boolean | null;
}

export interface LoginReading {
  /** Null for a name that nobody has. */
  readonly account: LoginRow | null;
  readonly subject: Buffer;
  readonly deviceId: string | null;
  readonly allowed: boolean;
  readonly lockedUntil: Date | null;
  readonly failures: number;
  readonly windowStartedAt: Date | null;
}

interface Row extends LoginRow {
  /** False where the row is another account's, read only because that takes time; null where there is no account yet. */
  readonly known: boolean | null;
  readonly subject: Buffer;
  readonly device: string | null;
  readonly failures: number | null;
  readonly locked_until: Date | null;
  readonly locked_before: Date | null;
  readonly window_started_at: Date | null;
}

/**
 * Reads the account behind a name and takes an attempt, in one statement. Attempts on a name that nobody has count
 * under one of `unknown`, which is looked up for every name, so that all take the same time; a device that logged in to
 * this account before has a lane of its own. Where nobody has the name, another account is read in its place and
 * dropped: without that, 60 µs told known from unknown (docs/enumeration.md).
 *
 * Does not wait for the disk: whatever answers the caller commits after it, and takes the attempt to the disk as well. A
 * crash can only lose an attempt whose outcome nobody was told.
 */
export async function readLogin(
  deps: Deps,
  { key, unknown, devices }: { key: string; unknown: readonly Buffer[]; devices: readonly DeviceClaim[] },
): Promise<LoginReading> {
  const attempt =
    deps.config.lockout.attempts === 0
      ? sql`select lane.subject, 0 as failures, null::timestamptz as locked_until, null::timestamptz as window_started_at from lane`
      : attemptFragment(deps, {
          subject: sql`lane.subject`,
          userId: sql`lane.user_id`,
          from: sql`from lane`,
        });
  const row = (await deps.db.share<Row>(
    sql`
    with named as materialized (
      select (select user_id from identifiers where key = ${key} and kind <> 'reserved') as id),
    reading as (
      select named.id is not null as known, ${accountColumns}, p.hash as password_hash,
        p.changed_at as password_changed_at, p.weak as password_weak
      from named join users u on u.id = coalesce(named.id, (select id from users order by id limit 1))
      left join passwords p on p.user_id = u.id),
    account as (select * from reading where known),
    device as materialized (
      select ${knownAmong(
        devices.map(({ deviceId }) => deviceId),
        sql`account.id`,
      )} as id from account),
    nobody as materialized (select ${countedUnder(unknown)} as subject),
    unhurried as materialized (select set_config('synchronous_commit', 'off', true)),
    lane as (
      select coalesce((select uuid_send(id) from account), nobody.subject)
          || coalesce((select uuid_send(id) from device), ''::bytea) as subject,
        (select id from account) as user_id
      from nobody, unhurried),
    attempt as (${attempt})
    select reading.*, lane.subject, (select id from device) as device, attempt.failures, attempt.locked_until,
      attempt.window_started_at, before.locked_until as locked_before
    from lane left join reading on true left join attempt on true left join lockouts before on before.subject = lane.subject`,
    key,
  )) as Row;
  const allowed = row.failures !== null;
  return {
    account: row.known === true ? row : null,
    subject: row.subject,
    deviceId: row.device,
    allowed,
    lockedUntil: allowed ? row.locked_until : row.locked_before,
    failures: row.failures ?? 0,
    windowStartedAt: row.window_started_at,
  };
}

/** Replaces the hash that was verified with a stronger one of the same password. */
export function replaceHash(
  database: Sql,
  { userId, from, to }: { userId: string; from: string; to: string },
): Promise<number> {
  return database.run(sql`
    update passwords set hash = ${to} where user_id = ${userId}::uuid and hash = ${from}`);
}
