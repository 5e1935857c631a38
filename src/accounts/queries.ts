import type { Sql, Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { type Account, accountColumns } from './account.ts';

/** The account of this id, or null. */
export function findAccountById(database: Sql, id: string): Promise<Account | null> {
  return database.row(sql`select ${accountColumns} from users u where u.id = ${id}::uuid`);
}

/** The same, and nobody else changes it until the transaction ends. */
export function lockAccount(tx: Tx, id: string): Promise<Account | null> {
  return tx.row(sql`select ${accountColumns} from users u where u.id = ${id}::uuid for no key update`);
}

/** The account that holds this key as its address or, with `anyName`, as its username. */
export function selectAccountByKey(database: Sql, key: string, anyName: boolean): Promise<Account | null> {
  return database.row(sql`
    select ${accountColumns} from identifiers i join users u on u.id = i.user_id
    where i.key = ${key} and (i.kind = 'email' or (${anyName}::bool and i.kind = 'username'))`);
}

/** `update users set last_login_at … returning id, email`, of an account that is not disabled. */
export function touchLastLogin({ userId, now }: { userId: string; now: Date }): Fragment {
  return sql`
    update users set last_login_at = ${now}::timestamptz
    where id = ${userId}::uuid and disabled_at is null
    returning id, email`;
}

export interface AccountRow {
  readonly id: string;
  readonly email: string;
  readonly key: string;
  readonly username: string;
  readonly usernameKey: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly fullName: string;
  readonly phoneNumber: string | null;
  readonly emailVerifiedAt: Date | null;
  readonly roles: readonly string[];
  readonly now: Date;
}

const insertUser = (row: AccountRow, from: Fragment) => sql`
  insert into users as u (id, email, username, first_name, last_name, full_name, phone_number, email_verified_at,
    created_at, updated_at)
  select ${row.id}::uuid, ${row.email}::text, ${row.username}::text, ${row.firstName}::text, ${row.lastName}::text,
    ${row.fullName}::text, ${row.phoneNumber}::text, ${row.emailVerifiedAt}::timestamptz, ${row.now}::timestamptz,
    ${row.now}::timestamptz
  ${from}
  returning ${accountColumns}`;

const insertRoles = (row: AccountRow) => sql`
  insert into user_roles (user_id, role_name, granted_at)
  select account.id, role_name, ${row.now}::timestamptz from account, unnest(${[...row.roles]}::text[]) as role_name`;

/** A name that was kept for its former owner is free again once `reserved_until` has passed. The table is `i`. */
export const takeFreedName = (now: Date) => sql`
  on conflict (key) do update set user_id = excluded.user_id, kind = excluded.kind, reserved_until = null,
      verified_at = null
  where i.kind = 'reserved' and i.reserved_until <= ${now}::timestamptz`;

/**
 * An account whose username is its address, as CTEs for the caller's statement: `account` has the new row, or none when the
 * address is taken, because its name is claimed first. `source` decides whether anything is created at all.
 */
export function accountCtes(row: AccountRow, source: Fragment): Fragment {
  return sql`
    claimed as (
      insert into identifiers as i (key, user_id, kind)
      select ${row.key}::text, ${row.id}::uuid, 'email' from ${source}
      ${takeFreedName(row.now)}
      returning i.user_id),
    account as (${insertUser(row, sql`from claimed`)}),
    granted as (${insertRoles(row)})`;
}

/** Writes the account and its roles, without its names. */
export async function addAccount(tx: Sql, row: AccountRow): Promise<Account> {
  const account = await tx.row<Account>(sql`
    with account as (${insertUser(row, sql``)}), granted as (${insertRoles(row)}) select * from account`);
  return account as Account;
}

/** Claims the account's address and username; returns the keys that it got. */
export async function claimNames(tx: Sql, row: AccountRow): Promise<string[]> {
  const named = row.usernameKey === row.key ? sql`` : sql`, (${row.usernameKey}::text, 'username')`;
  const claimed = await tx.rows<{ key: string }>(sql`
    insert into identifiers as i (key, user_id, kind)
    select name.key, ${row.id}::uuid, name.kind from (values (${row.key}::text, 'email') ${named}) as name (key, kind)
    ${takeFreedName(row.now)}
    returning i.key`);
  return claimed.map(({ key }) => key);
}

/** Removes an account and, by foreign keys, all that belongs to it, and frees its names; returns how many there were. */
export function dropAccount(tx: Sql, id: string): Promise<number> {
  return tx.run(sql`delete from users where id = ${id}::uuid`);
}

/**
 * Notes that somebody has read a mail that was sent to this address; false where the account has another by now, so that an
 * old link proves nothing.
 */
export async function markEmailVerified(
  { clock }: Pick<Deps, 'clock'>,
  tx: Tx,
  { userId, address }: { userId: string; address: string },
): Promise<boolean> {
  const now = clock.now();
  const written = await tx.run(sql`
    update users set email_verified_at = coalesce(email_verified_at, ${now}::timestamptz), updated_at = ${now}::timestamptz
    where id = ${userId}::uuid and email = ${address}::text`);
  return written === 1;
}

/** Forgets a change of address that was requested and not confirmed; returns how many accounts had one. */
export function clearPendingEmail({ clock }: Pick<Deps, 'clock'>, tx: Tx, userId: string): Promise<number> {
  return tx.run(sql`
    update users set pending_email = null, updated_at = ${clock.now()}::timestamptz
    where id = ${userId}::uuid and pending_email is not null`);
}
