import { addSeconds } from '../platform/clock.ts';
import type { Sql } from '../platform/database.ts';
import { deleteForgottenLockouts, deleteOldDevices } from './queries.ts';

// A device's cookie lives 400 days, so a device that was not seen for that long is a stranger.
const DEVICE_AGE = 400 * 86_400;

/** Deletes up to `limit` counters that remember nothing by `now`; returns how many. */
export function sweepLockouts(database: Sql, now: Date, limit: number): Promise<number> {
  return deleteForgottenLockouts(database, now, limit);
}

/** Deletes up to `limit` devices that had not been used for 400 days at `before`; returns how many. */
export function sweepDevices(database: Sql, before: Date, limit: number): Promise<number> {
  return deleteOldDevices(database, addSeconds(before, -DEVICE_AGE), limit);
}
