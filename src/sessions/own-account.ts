import type { Account } from '../accounts/account.ts';
import { lockAccount } from '../accounts/find.ts';
import type { Tx } from '../platform/database.ts';
import { sessionStands } from './bearer-queries.ts';
import type { UserPrincipal } from './principal.ts';

/**
 * The caller's account, which nobody else changes until the transaction ends; null where the account was disabled or
 * removed, or the session ended, after the request was let in. Whoever resets a password, claims a mailbox or disables an
 * account locks it first, so that what they ended changes nothing afterwards: the look at the session is a statement of
 * its own because that of the lock began before it was granted.
 */
export async function lockOwnAccount(tx: Tx, principal: UserPrincipal): Promise<Account | null> {
  const account = await lockAccount(tx, principal.userId);
  if (account === null || account.disabled_at !== null) return null;
  return (await sessionStands(tx, principal)) ? account : null;
}
