import { addSeconds } from '../platform/clock.ts';
import type { Sql } from '../platform/database.ts';
import { DEVICE_COOKIE_AGE } from './devices.ts';
import { deleteOldDevices } from './queries.ts';

export { sweepLockouts } from './queries.ts';

/** Deletes up to `limit` devices whose cookie no browser can keep any more at `before`; returns how many. */
export function sweepDevices(database: Sql, before: Date, limit: number): Promise<number> {
  return deleteOldDevices(database, addSeconds(before, -DEVICE_COOKIE_AGE), limit);
}
