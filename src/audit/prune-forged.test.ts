import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { settle } from '../../test/support/settle.ts';
import { writeEvent } from '../../test/support/write-event.ts';
import { Fragment, sql } from '../platform/sql.ts';
import { makePartitions } from './partitions.ts';
import { pruneTrail } from './prune.ts';
import { sealAll } from './seal.ts';
import { verifyTrail } from './verify.ts';

let deps: TestDeps;
// A batch in March, and three in June.
beforeEach(async () => {
  deps = await testDeps();
  for (const day of ['2031-03-05', '2031-06-15', '2031-06-16', '2031-06-17']) {
    deps.clock.set(new Date(`${day}T00:00:00Z`));
    await makePartitions(deps);
    await writeEvent(deps);
    await settle(deps);
    await sealAll(deps);
  }
});
afterEach(() => deps.close());

const asOwner = (text: string) =>
  deps.db.transaction(async tx => {
    await tx.run(sql`set local session_replication_role = replica`);
    for (const part of text.split(';')) await tx.run(new Fragment([part], []));
  });

const forgedBatch = `insert into audit_batches
  select -5, epoch, kind, from_transaction, to_transaction, event_count, 'infinity', entries, previous_hash, hash, signature, created_at
  from audit_batches where number = 1`;

test.each([
  ["update audit_batches set newest_event_at = '2031-03-05Z' where number < 4", 'batch 3'],
  ["update audit_batches set newest_event_at = '2031-03-05Z', entries = '' where number < 4", 'batch 3'],
  [
    `insert into audit_prunings values ('2030-01-01Z', 4, '\\x00', '\\x00', now()); ${forgedBatch}`,
    'the record of what was pruned before 2030-01-01',
  ],
])('retention vouches for nothing that somebody wrote into the database: %s', async (change, refused) => {
  await asOwner(change);
  await expect(pruneTrail(deps, { days: 60, by: 'system' })).rejects.toThrow(refused);
  const left = await deps.db.row(sql`select count(*) as batches from audit_batches where number > 0`);
  expect(left).toEqual({ batches: 4 });
  expect((await verifyTrail(deps)).findings).not.toEqual([]);
});
