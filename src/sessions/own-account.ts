import type { Account } from '../accounts/account.ts';
import { lockAccount } from '../accounts/find.ts';
import type { Tx } from '../platform/database.ts';
import { sessionStands } from './bearer-queries.ts';
import type { UserPrincipal } from './principal.ts';

/**
 * The caller's account, which nobody else changes until the transaction ends; null if, after the request was let in, the
 * account was disabled or removed, or the session ended. Whoever resets a password, claims a mailbox or disables an account
 * takes the same lock first, so that a session they ended changes nothing afterwards. The session is read in a statement of
 * its own: the locking statement began before the lock was granted, and would not see that end.
 */
export async function lockOwnAccount(tx: Tx, principal: UserPrincipal): Promise<Account | null> {
  const account = await lockAccount(tx, principal.userId);
  if (account === null || account.disabled_at !== null) return null;
  return (await sessionStands(tx, principal)) ? account : null;
}
