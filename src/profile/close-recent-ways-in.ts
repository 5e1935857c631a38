import { ADDRESS_KEPT } from '../accounts/address.ts';
import { unlinkRecentIdentities } from '../federation/unlink-recent.ts';
import { cancelRemoval } from '../mfa/removal.ts';
import { removeRecentPasskeys, type TakenBack } from '../mfa/remove-recent.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';

/**
 * In the transaction that takes an account back, removes the passkeys and unlinks the providers that were added since 72 hours
 * before the owner was mailed the link: each of them opens the account alone, so whoever added one would be in again at once.
 * What is only asked for besides a password (authenticator app, phone, recovery codes) stays, and a pending removal of it is
 * called off: whoever had the account may have asked for it, and got the notice in the owner's place.
 */
export async function closeRecentWaysIn(
  deps: Deps,
  tx: Tx,
  { mailedAt, ...takenBack }: Omit<TakenBack, 'since'> & { readonly mailedAt: Date },
): Promise<void> {
  const { userId, reason, caller } = takenBack;
  await cancelRemoval(deps, tx, { userId, reason, caller });
  // Counted from the mail and not from now: what was added just before the mail must go, however late the owner follows it.
  const since = addSeconds(mailedAt, -ADDRESS_KEPT);
  await removeRecentPasskeys(deps, tx, { ...takenBack, since });
  await unlinkRecentIdentities(deps, tx, { ...takenBack, since });
}
