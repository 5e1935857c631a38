import type { Tx } from '../platform/database.ts';
import {
  dropAccounts,
  type ImportedAccount,
  insertAccounts,
  insertNames,
  readHolders,
} from './import-queries.ts';

export type { ImportedAccount } from './import-queries.ts';

/**
 * What became of each account, by its id: `present` names the account that has the address already, `address_kept` the one
 * whose former address it is.
 */
export type Imported =
  | { readonly kind: 'made' }
  | { readonly kind: 'present'; readonly userId: string }
  | { readonly kind: 'address_kept'; readonly userId: string }
  | { readonly kind: 'username_taken' }
  | { readonly kind: 'id_taken' };

/**
 * Writes many accounts with their names, in three statements unless somebody else is faster. Whoever holds an address keeps
 * it: the outcome is `present`, and their account does not change. A row whose username or id is another's leaves nothing.
 */
export async function importAccounts(
  tx: Tx,
  accounts: readonly ImportedAccount[],
  now: Date,
): Promise<ReadonlyMap<string, Imported>> {
  const outcome = new Map<string, Imported>(await findTaken(tx, accounts, now));
  const open = accounts.filter(({ id }) => !outcome.has(id));
  const written = new Set(await insertAccounts(tx, open, now));
  const named = open.filter(({ id }) => written.has(id));
  const claimed = await insertNames(tx, named, now);
  const late: ImportedAccount[] = [];
  for (const account of open) {
    const { id, key, usernameKey } = account;
    if (written.has(id) && claimed.has(key) && (usernameKey === null || claimed.has(usernameKey)))
      outcome.set(id, { kind: 'made' });
    else late.push(account);
  }
  if (late.length === 0) return outcome;
  // The id is another account's, or somebody signed up or a second import ran after the names were read.
  const dropped = late.filter(({ id }) => written.has(id)).map(({ id }) => id);
  if (dropped.length > 0) await dropAccounts(tx, dropped);
  const taken = await findTaken(tx, late, now);
  for (const { id } of late)
    outcome.set(id, taken.get(id) ?? { kind: written.has(id) ? 'username_taken' : 'id_taken' });
  return outcome;
}

/** The outcome of those accounts whose address or username somebody already has. */
async function findTaken(
  tx: Tx,
  accounts: readonly ImportedAccount[],
  now: Date,
): Promise<ReadonlyMap<string, Imported>> {
  const keys = accounts.flatMap(({ key, usernameKey }) =>
    usernameKey === null ? [key] : [key, usernameKey],
  );
  const holders = await readHolders(tx, keys, now);
  const taken = new Map<string, Imported>();
  for (const { id, key, usernameKey } of accounts) {
    const holder = holders.get(key);
    if (holder !== undefined)
      taken.set(id, { kind: holder.isKept ? 'address_kept' : 'present', userId: holder.userId });
    else if (usernameKey !== null && holders.has(usernameKey)) taken.set(id, { kind: 'username_taken' });
  }
  return taken;
}
