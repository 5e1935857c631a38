import type { Sql, Tx } from '../platform/database.ts';
import type { Account } from './account.ts';
import { normalizeEmail, normalizeLogin } from './normalize.ts';
import { lockAccountRow, selectAccount, selectAccountByKey } from './queries.ts';

export { touchLastLogin } from './queries.ts';

/** The account of this id, or null. */
export function findAccountById(database: Sql, id: string): Promise<Account | null> {
  return selectAccount(database, id);
}

/** The account of this id, or null; nobody else changes it until the transaction ends. */
export function lockAccount(tx: Tx, id: string): Promise<Account | null> {
  return lockAccountRow(tx, id);
}

/** The account whose own address this is, ignoring case, or null. */
export function findAccountByAddress(database: Sql, address: string): Promise<Account | null> {
  return selectAccountByKey(database, normalizeEmail(address).key, false);
}

/** The account with this username or address, ignoring case, or null. */
export function findAccountByLogin(database: Sql, name: string): Promise<Account | null> {
  return selectAccountByKey(database, normalizeLogin(name), true);
}
