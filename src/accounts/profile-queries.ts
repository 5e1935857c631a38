import type { Sql, Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { sql } from '../platform/sql.ts';
import { type Account, accountColumns } from './account.ts';

/** Lets one change of names through at a time, so that two people who swap theirs cannot deadlock. */
export function lockNames(tx: Tx): Promise<unknown> {
  return tx.row(sql`select pg_advisory_xact_lock(hashtextextended('accounts:names', 0))`);
}

export interface ProfileRow {
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly fullName: string | null;
  readonly phoneNumber: string | null;
  readonly phoneGiven: boolean;
}

/**
 * Writes of names and number what is not null; unless a full name is given, it follows the first and last name. Null where the
 * account is gone.
 */
export function writeProfile(
  { clock }: Pick<Deps, 'clock'>,
  tx: Tx,
  userId: string,
  row: ProfileRow,
): Promise<Account | null> {
  const { firstName, lastName, fullName } = row;
  return tx.row(sql`
    update users u set
      first_name = coalesce(${firstName}::text, first_name),
      last_name = coalesce(${lastName}::text, last_name),
      full_name = case
        when ${fullName}::text is not null then ${fullName}::text
        when ${firstName}::text is not null or ${lastName}::text is not null
          then btrim(coalesce(${firstName}::text, first_name) || ' ' || coalesce(${lastName}::text, last_name))
        else full_name end,
      phone_number = case when ${row.phoneGiven}::bool then ${row.phoneNumber}::text else phone_number end,
      updated_at = ${clock.now()}::timestamptz
    where u.id = ${userId}::uuid
    returning ${accountColumns}`);
}

export function writeUsername(tx: Tx, userId: string, username: string, now: Date): Promise<number> {
  return tx.run(sql`
    update users set username = ${username}::text, updated_at = ${now}::timestamptz where id = ${userId}::uuid`);
}

/** Gives up the username that the account holds beside its address. */
export function releaseUsername(tx: Tx, userId: string): Promise<number> {
  return tx.run(sql`delete from identifiers where user_id = ${userId}::uuid and kind = 'username'`);
}

/** Claims a key for an account: false where somebody else has it, or it is kept for somebody else. */
export async function claimKey(
  tx: Tx,
  { userId, key, kind, now }: { userId: string; key: string; kind: 'email' | 'username'; now: Date },
): Promise<boolean> {
  const written = await tx.run(sql`
    insert into identifiers as i (key, user_id, kind) values (${key}::text, ${userId}::uuid, ${kind}::text)
    on conflict (key) do update set user_id = excluded.user_id, kind = excluded.kind, reserved_until = null,
      verified_at = null
    where i.user_id = excluded.user_id and i.kind in ('reserved', excluded.kind)
      or i.kind = 'reserved' and i.reserved_until <= ${now}::timestamptz`);
  return written === 1;
}

/** Keeps the present address, and when it was verified, for its owner until `until`; nobody else can take it. */
export function reserveAddress(tx: Tx, userId: string, until: Date): Promise<number> {
  return tx.run(sql`
    update identifiers i set kind = 'reserved', reserved_until = ${until}::timestamptz,
      verified_at = (select email_verified_at from users where id = i.user_id)
    where user_id = ${userId}::uuid and kind = 'email'`);
}

/** When a former address that is still kept for the account was verified; null if it is not kept. */
export function findReserved(
  tx: Tx,
  userId: string,
  key: string,
  now: Date,
): Promise<{ verified_at: Date | null } | null> {
  return tx.row(sql`
    select verified_at from identifiers where key = ${key}::text and user_id = ${userId}::uuid and kind = 'reserved'
      and reserved_until > ${now}::timestamptz for update`);
}

/** The former addresses that are still kept for the account. */
export async function selectReserved(tx: Tx, userId: string, now: Date): Promise<string[]> {
  const rows = await tx.rows<{ key: string }>(sql`
    select key from identifiers where user_id = ${userId}::uuid and kind = 'reserved' and reserved_until > ${now}::timestamptz`);
  return rows.map(({ key }) => key);
}

/** Makes a former address the account's own again, and drops every address that came after it. */
export async function returnTo(tx: Tx, userId: string, key: string): Promise<void> {
  await tx.run(sql`
    delete from identifiers i using identifiers former
    where former.key = ${key}::text and i.user_id = ${userId}::uuid and i.key <> former.key
      and (i.kind = 'email' or i.kind = 'reserved' and i.reserved_until > former.reserved_until)`);
  await tx.run(sql`
    update identifiers set kind = 'email', reserved_until = null, verified_at = null
    where key = ${key}::text and user_id = ${userId}::uuid`);
}

/** Writes an address, and when it was verified; a username that was the old address follows it. */
export function writeAddress(
  tx: Tx,
  {
    userId,
    address,
    verifiedAt,
    now,
  }: { userId: string; address: string; verifiedAt: Date | null; now: Date },
): Promise<Account | null> {
  return tx.row(sql`
    update users u set email = ${address}::text, pending_email = null, email_verified_at = ${verifiedAt}::timestamptz,
      username = case when username = email then ${address}::text else username end, updated_at = ${now}::timestamptz
    where u.id = ${userId}::uuid
    returning ${accountColumns}`);
}

/** Notes a new address that is still to be confirmed, in place of an earlier one; the present one stays until then. */
export function setPendingEmail(
  { clock }: Pick<Deps, 'clock'>,
  tx: Tx,
  { userId, address }: { userId: string; address: string },
): Promise<number> {
  return tx.run(sql`
    update users set pending_email = ${address}::text, updated_at = ${clock.now()}::timestamptz where id = ${userId}::uuid`);
}

/** Who holds a key, or for whom it is kept; null where it is free. */
export function holderOf(
  database: Sql,
  key: string,
  now: Date,
): Promise<{ user_id: string; kind: string; email: string } | null> {
  return database.row(sql`
    select i.user_id, i.kind, u.email from identifiers i join users u on u.id = i.user_id
    where i.key = ${key}::text and (i.kind <> 'reserved' or i.reserved_until > ${now}::timestamptz)`);
}

/** Disables or enables an account; null where it is gone. The caller must end its sessions. */
export function setDisabled(
  { clock }: Pick<Deps, 'clock'>,
  tx: Tx,
  userId: string,
  disabled: boolean,
): Promise<Account | null> {
  const now = clock.now();
  return tx.row(sql`
    update users u set disabled_at = case when ${disabled}::bool then ${now}::timestamptz end, updated_at = ${now}::timestamptz
    where u.id = ${userId}::uuid
    returning ${accountColumns}`);
}
