import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { deleteExpired } from './queries.ts';

// Long enough that a resend cooldown still sees what was sent, whatever the lifetime.
const KEEP_SECONDS = 3600;

/**
 * Removes up to `limit` challenges that expired an hour ago or more, and returns how many; the caller repeats while it
 * is `limit`. Replicas that sweep at once skip each other's rows.
 */
export function sweepChallenges({ db, clock }: Pick<Deps, 'db' | 'clock'>, limit: number): Promise<number> {
  return deleteExpired(db, addSeconds(clock.now(), -KEEP_SECONDS), limit);
}
