import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { sql } from '../platform/sql.ts';
import { placeOf } from './canonical.ts';
import { findEpochEnds, findOutside } from './verify-queries.ts';

const MANY = 100_000;

let deps: TestDeps;
beforeAll(async () => {
  deps = await testDeps();
  const { db, clock } = deps;
  // The last event says that it is of an epoch that never was; half of the batches and the last one end one.
  await db.run(sql`
    insert into audit_events (id, created_at, epoch, transaction_id, type, outcome, actor_kind)
    select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ${clock.now()}::timestamptz + n * interval '1 millisecond',
      case n when ${MANY}::int then 7 else 1 end, n::text::xid8, 'login.succeeded', 'success', 'system'
    from generate_series(1, ${MANY}::int) as n`);
  await db.run(sql`
    insert into audit_batches (number, epoch, kind, from_transaction, to_transaction, event_count, newest_event_at, entries,
      previous_hash, hash, signature, created_at)
    select n, 1, case when n in (${MANY / 2}::int, ${MANY}::int) then 'epoch_end' else 'range' end, '1', '2', 0, now(), '', '', '', '', now()
    from generate_series(1, ${MANY}::int) as n`);
  await db.run(sql`analyze audit_events, audit_batches`);
});
afterAll(() => deps.close());

const place = { first: { epoch: 1, from: '3' }, lastEpoch: 1, leftOver: new Set<string>(), limit: 1_000 };

test('a long trail is looked through to its end', async () => {
  const outside = await findOutside(deps.db, place);
  expect(outside.map(({ transactionId }) => transactionId)).toEqual(['1', '2', String(MANY)]);
  expect(await findEpochEnds(deps.db, 0)).toHaveLength(2);
  // What an epoch left over takes no room from what nobody knows.
  const leftOver = new Set(outside.slice(0, 2).map(placeOf));
  const unknown = await findOutside(deps.db, { ...place, leftOver, limit: 1 });
  expect(unknown.map(({ transactionId }) => transactionId)).toEqual([String(MANY)]);
});

test('no statement reads all of a long trail', async () => {
  const outside = await rowsRead(deps.db, explained => findOutside(explained, place));
  const ends = await rowsRead(deps.db, explained => findEpochEnds(explained, 0));
  expect(outside).toBeLessThan(MANY);
  expect(ends).toBeLessThan(MANY);
});
