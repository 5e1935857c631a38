import { ADDRESS_KEPT } from '../accounts/address.ts';
import { unlinkRecentIdentities } from '../federation/unlink-recent.ts';
import { removeRecentPasskeys, type TakenBack } from '../mfa/remove-recent.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';

/**
 * Removes the passkeys and unlinks the providers that were added while a former address is kept (72 hours), in the transaction
 * in which an owner takes the account back: each opens it alone, so that whoever added one would be in again at once. What
 * is only asked for besides a password (authenticator app, phone, recovery codes) stays.
 */
export async function closeRecentWaysIn(
  deps: Deps,
  tx: Tx,
  takenBack: Omit<TakenBack, 'since'>,
): Promise<void> {
  const since = addSeconds(deps.clock.now(), -ADDRESS_KEPT);
  await removeRecentPasskeys(deps, tx, { ...takenBack, since });
  await unlinkRecentIdentities(deps, tx, { ...takenBack, since });
}
