import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from '../../src/platform/database.ts';
import { sql } from '../../src/platform/sql.ts';

/** Waits until a statement in this database, or as many as are named, wait for a lock that another holds. */
export async function waitingForLock(db: Sql, least = 1): Promise<void> {
  for (;;) {
    const waiting = await db.rows(sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    if (waiting.length >= least) return;
    await sleep(10);
  }
}
