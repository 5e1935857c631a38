import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { settle } from '../../test/support/settle.ts';
import { sql } from '../platform/sql.ts';
import { recordEvent, system } from './record.ts';
import { sealAll, sealBatch } from './seal.ts';

let deps: TestDeps;
beforeAll(async () => {
  deps = await testDeps();
});
afterAll(() => deps.close());

const write = () =>
  recordEvent(deps, deps.db, { type: 'user.updated', outcome: 'success', actor: system, caller: null });
const unsealed = async () =>
  (
    await deps.db.row<{ count: number }>(sql`
    select (select count(*) from audit_events) - (select sum(event_count) from audit_batches) as count`)
  )?.count;

test('in a cluster whose ids start lower an epoch begins also where no event of before claims a later one', async () => {
  await write();
  await settle(deps);
  await sealAll(deps);
  // As after a restore: the seal has come further than the new cluster.
  await deps.db.transaction(async tx => {
    await tx.run(sql`set local session_replication_role = replica`);
    await tx.run(sql`update audit_batches set to_transaction = '1000000000000'`);
  });
  await write();
  expect(await sealBatch(deps)).toEqual({ verdict: 'sealed', events: 1, more: true });
  await write();
  await settle(deps);
  await sealAll(deps);
  expect(await unsealed()).toBe(0);
});
