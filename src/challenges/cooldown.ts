import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import type { Purpose } from './challenge.ts';
import { findNewest, lockPurpose } from './queries.ts';

/**
 * Whole seconds until another secret of this purpose may be sent to this person; 0 means now. Holds until the
 * transaction ends, so of two requests at once the second sees what the first sent. Off with RATE_LIMIT=off.
 */
export async function resendWait(
  { clock, config }: Pick<Deps, 'clock' | 'config'>,
  tx: Tx,
  { purpose, userId, cooldown = 60 }: { purpose: Purpose; userId: string; cooldown?: number },
): Promise<number> {
  if (config.rateLimit === 'off') return 0;
  await lockPurpose(tx, purpose, userId);
  const newest = await findNewest(tx, purpose, userId);
  if (newest === null) return 0;
  const elapsed = (clock.now().getTime() - newest.createdAt.getTime()) / 1000;
  return Math.max(0, Math.ceil(cooldown - elapsed));
}
