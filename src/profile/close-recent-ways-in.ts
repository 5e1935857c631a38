import { ADDRESS_KEPT } from '../accounts/address.ts';
import { unlinkRecentIdentities } from '../federation/unlink-recent.ts';
import { cancelRemoval } from '../mfa/removal.ts';
import { removeRecentPasskeys, type TakenBack } from '../mfa/remove-recent.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';

/**
 * Removes the passkeys and unlinks the providers that were added since 72 hours before the owner was mailed the link that takes
 * the account back, in that transaction: each opens it alone, so that whoever added one would be in again at once. What is only
 * asked for besides a password (authenticator app, phone, recovery codes) stays, and a removal of it that waits is called off:
 * whoever had the account may have asked for it, and was told in the owner's place.
 */
export async function closeRecentWaysIn(
  deps: Deps,
  tx: Tx,
  { mailedAt, ...takenBack }: Omit<TakenBack, 'since'> & { readonly mailedAt: Date },
): Promise<void> {
  const { userId, reason, caller } = takenBack;
  await cancelRemoval(deps, tx, { userId, reason, caller });
  // Counted from the mail and not from now: what was added before it must not outlive it, however late its owner comes.
  const since = addSeconds(mailedAt, -ADDRESS_KEPT);
  await removeRecentPasskeys(deps, tx, { ...takenBack, since });
  await unlinkRecentIdentities(deps, tx, { ...takenBack, since });
}
