import { setTimeout as sleep } from 'node:timers/promises';
import { findHorizon } from '../../src/audit/batch-queries.ts';
import type { Deps } from '../../src/platform/deps.ts';
import { sql } from '../../src/platform/sql.ts';

/** Waits until no transaction in progress holds back the sealing of what is written. */
export async function settle({ db }: Deps): Promise<void> {
  for (;;) {
    const row = await db.row<{ last: string | null }>(
      sql`select max(transaction_id)::text as last from audit_events where epoch = audit_epoch()`,
    );
    const last = BigInt(row?.last ?? 0);
    if ((await findHorizon(db, 1)).horizon > last) return;
    await sleep(10);
  }
}
