import type { Db } from './database.ts';
import type { Deps } from './deps.ts';
import { sql } from './sql.ts';

const DAY_MS = 86_400_000;

/** By how many whole days this machine's clock is ahead of the database server's; 0 where it is less than a day, or behind. */
export async function daysAhead({ db, clock }: { db: Db; clock: Deps['clock'] }): Promise<number> {
  const server = (await db.row<{ now: Date }>(sql`select now() as now`)) as { now: Date };
  return Math.max(0, Math.floor((clock.now().getTime() - server.now.getTime()) / DAY_MS));
}
