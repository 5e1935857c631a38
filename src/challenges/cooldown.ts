import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import type { Purpose } from './challenge.ts';
import { findSentAt, lockPurpose } from './queries.ts';

const COOLDOWN_SECONDS = 60;
// Nobody asked for the secret that a sign-up sends by itself: whoever asks right after it asks for the first time.
const AT_ONCE = 2;

/**
 * Whole seconds until another secret of this purpose may be sent to this person; 0 means now. Two may be sent within a
 * minute; the third waits until the older of them is a minute old. The answer holds until the transaction ends, so of several
 * requests at once each sees what those before it sent. Never longer than a minute, even when the clock was set back. Always 0
 * with RATE_LIMIT=off.
 */
export async function resendWait(
  { clock, config }: Pick<Deps, 'clock' | 'config'>,
  tx: Tx,
  { purpose, userId }: { purpose: Purpose; userId: string },
): Promise<number> {
  if (config.rateLimit === 'off') return 0;
  await lockPurpose(tx, purpose, userId);
  const now = clock.now();
  const sentAt = await findSentAt(tx, { purpose, userId, nth: AT_ONCE, now });
  if (sentAt === null) return 0;
  const elapsed = (now.getTime() - sentAt.getTime()) / 1000;
  return Math.max(0, Math.ceil(COOLDOWN_SECONDS - elapsed));
}
