import { addSeconds } from '../platform/clock.ts';
import type { Sql } from '../platform/database.ts';
import { deleteForgottenLockouts, deleteOldDevices } from './queries.ts';

// A cookie lives 400 days; a device that was not seen for as long is a stranger.
const DEVICE_AGE = 400 * 86_400;

/** Deletes counters whose last failure, and lock, lie before `before`, and devices that nobody has used for 400 days. */
export async function sweepThrottle(database: Sql, before: Date, limit: number): Promise<number> {
  const lockouts = await deleteForgottenLockouts(database, before, limit);
  return lockouts + (await deleteOldDevices(database, addSeconds(before, -DEVICE_AGE), limit));
}
