import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { settle } from '../../test/support/settle.ts';
import { watchedDatabase } from '../../test/support/watched-database.ts';
import { writeEvent } from '../../test/support/write-event.ts';
import type { Db, Sql, Tx } from '../platform/database.ts';
import { type Fragment, sql, toStatement } from '../platform/sql.ts';
import { makePartitions } from './partitions.ts';
import { pruneTrail } from './prune.ts';
import { removeRows } from './retention-queries.ts';
import { sealAll } from './seal.ts';
import { verifyTrail } from './verify.ts';

let deps: TestDeps;
// An event in March, sealed with nothing younger, and one in June.
beforeEach(async () => {
  deps = await testDeps();
  deps.clock.set(new Date('2031-03-05T00:00:00Z'));
  await makePartitions(deps);
  for (const at of ['2031-03-05T00:00:00Z', '2031-06-15T00:00:00Z']) {
    deps.clock.set(new Date(at));
    await writeEvent(deps);
    await settle(deps);
    await sealAll(deps);
  }
});
afterEach(() => deps.close());

/** Writes a copy of the first batch under each number `n`. */
const copyFirst = (database: Sql, numbers: Fragment) =>
  database.run(sql`
    insert into audit_batches
    select n, epoch, kind, from_transaction, to_transaction, event_count, newest_event_at, entries, previous_hash, hash,
      signature, created_at
    from (select * from audit_batches order by number limit 1) as first, ${numbers}`);

test('tens of thousands of batches go in slices', async () => {
  await copyFirst(deps.db, sql`generate_series(3, 25000) as n`);
  const slices: number[] = [];
  await deps.db.transaction(tx => {
    const watched: Tx = {
      ...tx,
      async run(statement) {
        const rows = await tx.run(statement);
        if (toStatement(statement).text.includes('delete from audit_batches')) slices.push(rows);
        return rows;
      },
    };
    return removeRows(watched, { horizon: new Date('2031-01-01T00:00:00Z'), throughBatch: 25_000 });
  });
  expect(slices).toEqual([10_000, 10_000, 5_000]);
});

test('a batch of a number far below the first keeps nothing from being dropped, and is found', async () => {
  await copyFirst(deps.db, sql`(values (-1e15::bigint)) as far (n)`);
  expect(await pruneTrail(deps, { days: 60, by: 'operator' })).toMatchObject({ verdict: 'pruned' });
  expect((await verifyTrail(deps)).findings).toMatchObject([{ kind: 'batch_changed', batch: -1e15 }]);
});

test('the keys of thousands who left nothing go in slices, while nobody waits to write an event', async () => {
  await deps.db.run(sql`
    insert into audit_keys (user_id, secret, created_at)
    select gen_random_uuid(), sha256('secret'), '2031-03-05T00:00:00Z' from generate_series(1, 2500)`);
  const slices: number[] = [];
  const db: Db = {
    ...deps.db,
    async row(statement) {
      const before = await countKeys();
      // It would wait for a transaction that has taken a month out of the trail.
      await writeEvent(deps);
      const row = await deps.db.row<never>(statement);
      slices.push(before - (await countKeys()));
      return row;
    },
  };
  const countKeys = async () =>
    (await deps.db.row<{ count: number }>(sql`select count(*) from audit_keys`))?.count ?? 0;
  expect(await pruneTrail({ ...deps, db }, { days: 60, by: 'operator' })).toMatchObject({
    verdict: 'pruned',
  });
  expect(slices.filter(gone => gone > 0).reduce((sum, gone) => sum + gone, 0)).toBe(2500);
  expect(Math.max(...slices)).toBeLessThanOrEqual(1_000);
});

test.each(['from audit_prunings', "kind = 'epoch_end'", 'e.epoch not between'])(
  'a verification during which retention runs raises no alarm: %s',
  async text => {
    const { db, hooks } = watchedDatabase(deps.databaseUrl);
    const prune = () => pruneTrail(deps, { days: 60, by: 'system' });
    hooks.push({ text, after: prune });
    const verdict = await verifyTrail({ ...deps, db });
    await db.close();
    expect(hooks).toEqual([]);
    expect(verdict.findings).toEqual([]);
    expect(await prune()).toEqual({ verdict: 'nothing' });
  },
);

test('what is missing beside what retention dropped is found all the same', async () => {
  const { db, hooks } = watchedDatabase(deps.databaseUrl);
  const spoil = async () => {
    await pruneTrail(deps, { days: 60, by: 'system' });
    await deps.db.transaction(async tx => {
      await tx.run(sql`set local session_replication_role = replica`);
      await tx.run(
        sql`delete from audit_events where created_at = '2031-06-15T00:00:00Z' and type <> 'audit.pruned'`,
      );
    });
  };
  hooks.push({ text: 'from audit_prunings', after: spoil });
  const { findings } = await verifyTrail({ ...deps, db });
  await db.close();
  expect(findings.map(({ kind }) => kind)).toEqual(['event_removed']);
});
