import type { Sql, Tx } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

export type FactorKind = 'totp' | 'sms';

export interface FactorRow {
  readonly id: string;
  readonly kind: FactorKind | 'passkey';
  readonly secret_sealed: Buffer | null;
  readonly phone_number: string | null;
  readonly created_at: Date;
  readonly last_used_at: Date | null;
}

const columns = sql`id, kind, secret_sealed, phone_number, created_at, last_used_at`;

/** The confirmed factors, passkeys among them, the oldest first. */
export function selectFactors(database: Sql, userId: string): Promise<FactorRow[]> {
  return database.rows(sql`
    select ${columns} from factors where user_id = ${userId}::uuid and confirmed_at is not null
    order by created_at, id`);
}

/** What can answer the demand for a second factor: the kinds of confirmed factors, and `recovery_code` while any is left. */
export async function secondFactorsOf(database: Sql, userId: string): Promise<string[]> {
  const rows = await database.rows<{ kind: string }>(sql`
    select kind from factors where user_id = ${userId}::uuid and confirmed_at is not null
    union
    select 'recovery_code' from recovery_codes where user_id = ${userId}::uuid and used_at is null
    order by kind`);
  return rows.map(({ kind }) => kind);
}

/** The confirmed factor of a kind, or the newest one that waits to be confirmed. */
export function selectFactor(
  database: Sql,
  { userId, kind, confirmed }: { userId: string; kind: FactorKind; confirmed: boolean },
): Promise<FactorRow | null> {
  return database.row(sql`
    select ${columns} from factors
    where user_id = ${userId}::uuid and kind = ${kind}::text and (confirmed_at is not null) = ${confirmed}::bool
    order by created_at desc, id desc limit 1`);
}

/** Replaces any unconfirmed factor of a kind with this one. */
export function replaceUnconfirmed(
  database: Sql,
  factor: {
    id: string;
    userId: string;
    kind: FactorKind;
    secretSealed: Buffer | null;
    phoneNumber: string | null;
    now: Date;
  },
): Promise<number> {
  return database.run(sql`
    with gone as (
      delete from factors where user_id = ${factor.userId}::uuid and kind = ${factor.kind}::text and confirmed_at is null)
    insert into factors (id, user_id, kind, secret_sealed, phone_number, created_at)
    values (${factor.id}::uuid, ${factor.userId}::uuid, ${factor.kind}::text, ${factor.secretSealed}::bytea,
      ${factor.phoneNumber}::text, ${factor.now}::timestamptz)`);
}

/** Confirms a factor once; the unique index on confirmed kinds refuses a second one. */
export async function confirmFactor(
  database: Sql,
  { id, userId, step, now }: { id: string; userId: string; step: number | null; now: Date },
): Promise<boolean> {
  const confirmed = await database.row(sql`
    with confirmed as (
      update factors set confirmed_at = ${now}::timestamptz, last_step = ${step}::bigint,
        spent_steps = array_remove(array[${step}::bigint], null)
      where id = ${id}::uuid and confirmed_at is null returning user_id)
    update users set mfa_enabled = true, updated_at = ${now}::timestamptz
    from confirmed where users.id = confirmed.user_id and users.id = ${userId}::uuid
    returning users.id`);
  return confirmed !== null;
}

/**
 * Spends a time step: false when it was used before (RFC 6238 §5.2), or lies more than two behind the latest that was. Of a factor
 * whose `last_step` is none of `spent_steps`, because a replica of an earlier version spent it, only a later step is taken.
 */
export async function spendStep(
  database: Sql,
  { id, step, now }: { id: string; step: number; now: Date },
): Promise<boolean> {
  const written = await database.run(sql`
    update factors set last_used_at = ${now}::timestamptz, last_step = greatest(last_step, ${step}::bigint),
      spent_steps = array(select spent from unnest(spent_steps || ${step}::bigint) as spent
        where spent > greatest(last_step, ${step}::bigint) - 3)
    where id = ${id}::uuid and confirmed_at is not null and (last_step is null or last_step < ${step}::bigint
      or last_step = any(spent_steps) and last_step - 3 < ${step}::bigint and ${step}::bigint <> all(spent_steps))`);
  return written === 1;
}

/** Removes the factors of a kind (null: of both kinds), and with the last confirmed one the recovery codes and `mfa_enabled`. */
export async function deleteFactors(
  database: Sql,
  { userId, kind, now }: { userId: string; kind: FactorKind | null; now: Date },
): Promise<number> {
  const removed = await database.run(sql`
    delete from factors where user_id = ${userId}::uuid and (${kind}::text is null or kind = ${kind}::text)
      and kind in ('totp', 'sms')`);
  if (removed === 0) return 0;
  await database.run(sql`
    with off as (
      update users set mfa_enabled = false, updated_at = ${now}::timestamptz
      where id = ${userId}::uuid and not exists (
        select from factors where user_id = ${userId}::uuid and confirmed_at is not null and kind in ('totp', 'sms'))
      returning id)
    delete from recovery_codes where user_id in (select id from off)`);
  return removed;
}

/** Replaces all of a person's codes with these. */
export function replaceRecoveryCodes(
  database: Sql,
  {
    userId,
    ids,
    hashes,
    now,
  }: { userId: string; ids: readonly string[]; hashes: readonly Buffer[]; now: Date },
): Promise<number> {
  return database.run(sql`
    with gone as (delete from recovery_codes where user_id = ${userId}::uuid)
    insert into recovery_codes (id, user_id, code_hash, created_at)
    select id, ${userId}::uuid, code_hash, ${now}::timestamptz
    from unnest(${ids}::uuid[], ${hashes}::bytea[]) as made (id, code_hash)`);
}

/** Spends a recovery code: of N callers at once one gets true. */
export async function spendRecoveryCode(
  database: Sql,
  { userId, hashes, now }: { userId: string; hashes: readonly Buffer[]; now: Date },
): Promise<boolean> {
  const written = await database.run(sql`
    update recovery_codes set used_at = ${now}::timestamptz
    where user_id = ${userId}::uuid and code_hash = any(${[...hashes]}::bytea[]) and used_at is null`);
  return written === 1;
}

/** How many codes are unused. */
export async function countRecoveryCodes(database: Sql, userId: string): Promise<number> {
  const row = await database.row<{ left: number }>(sql`
    select count(*) as left from recovery_codes where user_id = ${userId}::uuid and used_at is null`);
  return row?.left ?? 0;
}

/** Whether a role of the user permits nothing without a second factor. */
export async function roleDemandsFactor(database: Sql, userId: string): Promise<boolean> {
  const row = await database.row(sql`
    select from user_roles ur join roles r on r.name = ur.role_name
    where ur.user_id = ${userId}::uuid and r.mfa_required limit 1`);
  return row !== null;
}

/**
 * Removes every factor, passkey and recovery code of an account, and a planned removal; returns how many factors and
 * passkeys there were.
 */
export function removeEveryFactor(tx: Tx, userId: string): Promise<number> {
  return tx.run(sql`
    with codes as (delete from recovery_codes where user_id = ${userId}::uuid),
    plan as (delete from factor_removals where user_id = ${userId}::uuid),
    account as (update users set mfa_enabled = false where id = ${userId}::uuid and mfa_enabled)
    delete from factors where user_id = ${userId}::uuid`);
}
