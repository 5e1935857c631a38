import type { Tx } from '../platform/database.ts';
import {
  dropAccounts,
  type ImportedAccount,
  insertAccounts,
  insertNames,
  readHolders,
} from './import-queries.ts';

export type { ImportedAccount } from './import-queries.ts';

/** What became of each account, by its id; `present` names who has the address already. */
export type Imported =
  | { readonly kind: 'made' }
  | { readonly kind: 'present'; readonly userId: string }
  | { readonly kind: 'username_taken' }
  | { readonly kind: 'id_taken' };

/**
 * Writes many accounts with their names, five statements in all. Whoever holds an address keeps it: that account is
 * `present`, and nothing of it changes. Nothing is left of a row whose username or id is another's.
 */
export async function importAccounts(
  tx: Tx,
  accounts: readonly ImportedAccount[],
  now: Date,
): Promise<ReadonlyMap<string, Imported>> {
  const outcome = new Map<string, Imported>();
  const holders = await readHolders(
    tx,
    accounts.flatMap(({ key, usernameKey }) => (usernameKey === null ? [key] : [key, usernameKey])),
    now,
  );
  const open: ImportedAccount[] = [];
  for (const account of accounts) {
    const holder = holders.get(account.key);
    const taken = account.usernameKey === null ? undefined : holders.get(account.usernameKey);
    if (holder !== undefined) outcome.set(account.id, { kind: 'present', userId: holder });
    else if (taken !== undefined) outcome.set(account.id, { kind: 'username_taken' });
    else open.push(account);
  }
  const written = new Set(await insertAccounts(tx, open, now));
  const named = open.filter(({ id }) => written.has(id));
  const claimed = await insertNames(tx, named, now);
  const left: string[] = [];
  for (const account of open) {
    const whole =
      claimed.has(account.key) && (account.usernameKey === null || claimed.has(account.usernameKey));
    if (!written.has(account.id)) outcome.set(account.id, { kind: 'id_taken' });
    else if (whole) outcome.set(account.id, { kind: 'made' });
    else {
      // Somebody signed up with one of the names since they were read.
      left.push(account.id);
      outcome.set(account.id, { kind: 'username_taken' });
    }
  }
  if (left.length > 0) await dropAccounts(tx, left);
  return outcome;
}
