import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { dropPendingEmail, verifyAddress } from './queries.ts';

/**
 * Notes that somebody has read a mail that was sent to this address; false where the account has another by now,
 * so that an old link proves nothing.
 */
export function markEmailVerified(
  { clock }: Pick<Deps, 'clock'>,
  tx: Tx,
  { userId, address }: { userId: string; address: string },
): Promise<boolean> {
  return verifyAddress(tx, { userId, address, now: clock.now() });
}

/** Forgets a change of address that was requested and not confirmed. */
export async function clearPendingEmail(
  { clock }: Pick<Deps, 'clock'>,
  tx: Tx,
  userId: string,
): Promise<void> {
  await dropPendingEmail(tx, userId, clock.now());
}
