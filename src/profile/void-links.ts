import type { Account } from '../accounts/account.ts';
import { keptAddresses } from '../accounts/address.ts';
import { isSameAddress, normalizeEmail } from '../accounts/normalize.ts';
import type { Challenge } from '../challenges/challenge.ts';
import { openChallenges, voidChallenges } from '../challenges/consume.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';

/**
 * Voids the open links of an account that was disabled, whose address was restored, or whose change was stopped. It spares the
 * links that restore an address which came before the present one and is still kept: whoever took the account over may undo a
 * change of their own, or be stopped by an administrator, and the owner's link must outlive that. `restoredBy` is the link
 * that restored the address, if one did; a link sent to another mailbox after it belongs to somebody who came later.
 */
export async function voidLinks(
  deps: Deps,
  tx: Tx,
  { id: userId, email }: Pick<Account, 'id' | 'email'>,
  restoredBy?: Challenge | null,
): Promise<void> {
  const { key } = normalizeEmail(email);
  const kept = await keptAddresses(deps, tx, userId);
  const undoing = await openChallenges(deps, tx, { purpose: 'undo-email-change', userId });
  const spared = undoing.filter(({ sentTo, createdAt }) => {
    const former = normalizeEmail(String(sentTo));
    if (former.key !== key) return kept.has(former.key);
    // Two addresses that look alike, such as admin@ and admın@, share one key, which does not tell which of them came first.
    if (restoredBy === null || isSameAddress(former.address, email)) return false;
    return restoredBy === undefined || createdAt < restoredBy.createdAt;
  });
  await voidChallenges(deps, tx, { userId, exceptIds: spared.map(({ id }) => id) });
}

/** The newest open link that restores this former address of an account; null if none is open. */
export async function openUndo(
  deps: Deps,
  tx: Tx,
  { userId, address }: { userId: string; address: string },
): Promise<Challenge | null> {
  const undoing = await openChallenges(deps, tx, { purpose: 'undo-email-change', userId });
  return undoing
    .filter(({ sentTo }) => isSameAddress(String(sentTo), address))
    .reduce<Challenge | null>(
      (newest, link) => (newest === null || link.createdAt > newest.createdAt ? link : newest),
      null,
    );
}
