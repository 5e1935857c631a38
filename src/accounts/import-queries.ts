import type { Tx } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';
import { takeFreedName } from './queries.ts';

export interface ImportedAccount {
  readonly id: string;
  readonly email: string;
  readonly key: string;
  readonly username: string;
  /** Null where the username is the address. */
  readonly usernameKey: string | null;
  readonly firstName: string;
  readonly lastName: string;
  readonly fullName: string;
  readonly phoneNumber: string | null;
  readonly disabled: boolean;
  readonly verified: boolean;
  readonly createdAt: Date | null;
  readonly lastLoginAt: Date | null;
}

/** Who holds a name; `isKept` where it is a former address, which is not in use but kept for its owner. */
export interface Holder {
  readonly userId: string;
  readonly isKept: boolean;
}

/** Who holds these names, or for whom they are kept. */
export async function readHolders(
  tx: Tx,
  keys: readonly string[],
  now: Date,
): Promise<ReadonlyMap<string, Holder>> {
  const rows = await tx.rows<{ key: string; user_id: string; is_kept: boolean }>(sql`
    select key, user_id, kind = 'reserved' as is_kept from identifiers
    where key = any(${[...keys]}::text[]) and (kind <> 'reserved' or reserved_until > ${now}::timestamptz)`);
  return new Map(rows.map(({ key, user_id, is_kept }) => [key, { userId: user_id, isKept: is_kept }]));
}

/** Writes the accounts whose ids are free; returns those ids. */
export async function insertAccounts(tx: Tx, rows: readonly ImportedAccount[], now: Date): Promise<string[]> {
  const all = <T>(pick: (row: ImportedAccount) => T) => rows.map(pick);
  const written = await tx.rows<{ id: string }>(sql`
    insert into users (id, email, username, first_name, last_name, full_name, phone_number, disabled_at,
      email_verified_at, created_at, last_login_at, updated_at)
    select id, email, username, first_name, last_name, full_name, phone_number,
      case when disabled then ${now}::timestamptz end, case when verified then ${now}::timestamptz end,
      coalesce(created_at, ${now}::timestamptz), last_login_at, ${now}::timestamptz
    from unnest(${all(({ id }) => id)}::uuid[], ${all(({ email }) => email)}::text[],
      ${all(({ username }) => username)}::text[], ${all(({ firstName }) => firstName)}::text[],
      ${all(({ lastName }) => lastName)}::text[], ${all(({ fullName }) => fullName)}::text[],
      ${all(({ phoneNumber }) => phoneNumber)}::text[], ${all(({ disabled }) => disabled)}::bool[],
      ${all(({ verified }) => verified)}::bool[], ${all(({ createdAt }) => createdAt)}::timestamptz[],
      ${all(({ lastLoginAt }) => lastLoginAt)}::timestamptz[])
      as r (id, email, username, first_name, last_name, full_name, phone_number, disabled, verified, created_at,
        last_login_at)
    on conflict (id) do nothing
    returning id`);
  return written.map(({ id }) => id);
}

/** Claims the addresses and usernames; returns the keys that were free. */
export async function insertNames(
  tx: Tx,
  rows: readonly ImportedAccount[],
  now: Date,
): Promise<ReadonlySet<string>> {
  const names = rows.flatMap(({ id, key, usernameKey }) => [
    { id, key, kind: 'email' },
    ...(usernameKey === null ? [] : [{ id, key: usernameKey, kind: 'username' }]),
  ]);
  // In one order, so that two imports at once cannot deadlock.
  names.sort((a, b) => (a.key < b.key ? -1 : 1));
  const claimed = await tx.rows<{ key: string }>(sql`
    insert into identifiers as i (key, user_id, kind)
    select key, user_id, kind from unnest(${names.map(({ key }) => key)}::text[],
      ${names.map(({ id }) => id)}::uuid[], ${names.map(({ kind }) => kind)}::text[]) as n (key, user_id, kind)
    ${takeFreedName(now)}
    returning i.key`);
  return new Set(claimed.map(({ key }) => key));
}

/** Removes accounts and, by foreign keys, everything that belongs to them. */
export function dropAccounts(tx: Tx, ids: readonly string[]): Promise<number> {
  return tx.run(sql`delete from users where id = any(${[...ids]}::uuid[])`);
}
