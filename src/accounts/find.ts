import type { Sql } from '../platform/database.ts';
import type { Account } from './account.ts';
import { normalizeEmail, normalizeLogin } from './normalize.ts';
import { selectAccountByKey } from './queries.ts';

export { findAccountById, lockAccount, touchLastLogin } from './queries.ts';

/** The account whose own address this is, ignoring case, or null. */
export function findAccountByAddress(database: Sql, address: string): Promise<Account | null> {
  return selectAccountByKey(database, normalizeEmail(address).key, false);
}

/** The account with this username or address, ignoring case, or null. */
export function findAccountByLogin(database: Sql, name: string): Promise<Account | null> {
  return selectAccountByKey(database, normalizeLogin(name), true);
}
