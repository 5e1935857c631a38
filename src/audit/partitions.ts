import type { Deps } from '../platform/deps.ts';
import { makePartition } from './retention-queries.ts';

const MONTHS_AHEAD = 3;

/**
 * Makes the partitions of this month and the next ones where they are missing; returns how many. One that cannot be made costs
 * nothing but a later move of its events, which go to the default partition.
 */
export async function makePartitions({ db, clock }: Deps): Promise<number> {
  let made = 0;
  for (let ahead = 0; ahead < MONTHS_AHEAD; ahead++) {
    const now = clock.now();
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead));
    if (await makePartition(db, month)) made += 1;
  }
  return made;
}
