import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from '../../src/platform/database.ts';
import { sql } from '../../src/platform/sql.ts';

/** Waits until a statement in this database waits for a lock that another holds. */
export async function waitingForLock(db: Sql): Promise<void> {
  for (;;) {
    const waiting = await db.row(sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' limit 1`);
    if (waiting !== null) return;
    await sleep(10);
  }
}
