import { keptAddresses } from '../accounts/address.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { openChallenges, voidChallenges } from '../challenges/consume.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';

/**
 * Voids the open links of an account that was disabled, whose address was put back, or whose change was stopped: all but those
 * that put back an address which came before the present one and is still kept. Whoever took the account over may undo a change
 * of their own, or be stopped by an administrator, and the owner's link must outlive that.
 */
export async function voidLinks(deps: Deps, tx: Tx, userId: string): Promise<void> {
  const kept = await keptAddresses(deps, tx, userId);
  const undoing = await openChallenges(deps, tx, { purpose: 'undo-email-change', userId });
  const spared = undoing.filter(({ sentTo }) => kept.has(normalizeEmail(String(sentTo)).key));
  await voidChallenges(deps, tx, { userId, exceptIds: spared.map(({ id }) => id) });
}
