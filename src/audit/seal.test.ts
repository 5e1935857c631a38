import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { settle } from '../../test/support/settle.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { openDatabase, type Sql, type Tx } from '../platform/database.ts';
import { Fragment, sql } from '../platform/sql.ts';
import { insertEvent, prepareEvent, recordEvent } from './record.ts';
import { sealAll, sealBatch } from './seal.ts';
import { startSealer, warnOfHeldSeal } from './sealer.ts';
import { verifyTrail } from './verify.ts';

let deps: TestDeps;
beforeEach(async () => {
  deps = await testDeps();
});
afterEach(() => deps.close());

const event = (index: number) =>
  ({
    type: 'user.updated',
    outcome: 'success',
    actor: { kind: 'system' },
    userId: null,
    caller: { requestId: String(index), ip: '203.0.113.7', userAgent: '' },
    data: { index },
  }) as const;

const write = (index: number) => recordEvent(deps, deps.db, event(index));

async function asOwner(text: string): Promise<void> {
  await deps.db.transaction(async tx => {
    await tx.run(sql`set local session_replication_role = replica`);
    await tx.run(new Fragment([text], []));
  });
}

test('the sealer keeps no plan that was made for an empty trail', async () => {
  const db = openDatabase({ connection: { connectionString: deps.databaseUrl }, poolMax: 1, prepare: true });
  for (let count = 0; count < 8; count++) {
    await write(count);
    // A transaction of another test on this server would leave the event for the next batch.
    await settle(deps);
    await sealBatch({ ...deps, db });
  }
  const plans = await db.rows<{ kept: number; fresh: number }>(sql`
    select generic_plans::int as kept, custom_plans::int as fresh from pg_prepared_statements
    where statement like '%from audit_events e%' and custom_plans + generic_plans > 1`);
  await db.close();
  expect(plans).toEqual(plans.map(() => ({ kept: 0, fresh: 8 })));
  expect(plans.length).toBeGreaterThan(2);
});

test.each(['infinity', '-infinity', '290000-01-01Z'])(
  'an event that somebody writes as of %s is sealed like any other, and keeps none from being sealed',
  async at => {
    await write(1);
    await deps.db.run(sql`
      insert into audit_events (id, created_at, type, outcome, actor_kind)
      values (gen_random_uuid(), ${at}::text::timestamptz, 'user.updated', 'success', 'system')`);
    await settle(deps);
    expect(await sealAll(deps)).toBe(2);
    await write(2);
    await settle(deps);
    expect(await sealAll(deps)).toBe(1);
    expect(await verifyTrail(deps)).toMatchObject({ findings: [], events: 3, pending: 0 });
    await asOwner(`delete from audit_events where created_at = '${at}'`);
    expect((await verifyTrail(deps)).findings).toMatchObject([{ kind: 'event_removed', batch: 1 }]);
  },
);

test.each(['1969-12-31T23:59:59Z', '-infinity'])(
  'an event of %s is sealed like any other where no younger one stands beside it',
  async at => {
    await deps.db.run(sql`
      insert into audit_events (id, created_at, type, outcome, actor_kind)
      values (gen_random_uuid(), ${at}::text::timestamptz, 'user.updated', 'success', 'system')`);
    await settle(deps);
    expect(await sealAll(deps)).toBe(1);
    expect((await verifyTrail(deps)).findings).toEqual([]);
    await asOwner(`update audit_batches set newest_event_at = '1970-01-01Z'`);
    expect((await verifyTrail(deps)).findings).toMatchObject([{ kind: 'batch_changed', batch: 1 }]);
  },
);

test('a sealer that is never idle seals once a second', async () => {
  const batches = async () =>
    (await deps.db.row<{ count: number }>(sql`select count(*)::int as count from audit_batches`))?.count ?? 0;
  const before = await batches();
  const sealer = startSealer(deps);
  const until = Date.now() + 1500;
  for (let index = 0; Date.now() < until; index++) await write(index);
  const during = (await batches()) - before;
  await sealer.stop();
  expect(during).toBeGreaterThan(0);
  expect(during).toBeLessThanOrEqual(2);
});

test('sixteen writers and two sealers: every committed event is sealed exactly once, none that rolled back', async () => {
  const db = openDatabase({ connection: { connectionString: deps.databaseUrl }, poolMax: 20, prepare: true });
  const world = { ...deps, db };
  let writing = true;
  const sealer = async () => {
    while (writing) await sealBatch(world, 50);
  };
  const writer = async (_: unknown, lane: number) => {
    for (let index = 0; index < 40; index++) {
      const lost = index % 5 === 4;
      await db
        .transaction(async tx => {
          await recordEvent(world, tx, event(lane * 100 + index));
          if (index % 3 === 0) await recordEvent(world, tx, event(lane * 100 + index));
          if (lost) throw new Error('lost');
        })
        .catch((error: Error) => {
          if (error.message !== 'lost') throw error;
        });
    }
  };
  try {
    const sealers = [sealer(), sealer()];
    await Promise.all(Array.from({ length: 16 }, writer));
    writing = false;
    await Promise.all(sealers);
    await settle(world);
    await sealAll(world);
    const verdict = await verifyTrail(world);
    // Of 40 transactions 8 roll back; 14 write twice, 3 of which roll back.
    expect(verdict).toMatchObject({ findings: [], events: 16 * (32 + 11), pending: 0 });
    expect(verdict.batches).toBeGreaterThan(5);
    const ids = await db.rows<{ id: string }>(sql`
      select encode(substr(entries, 1 + 56 * at, 16), 'hex') as id
      from audit_batches, generate_series(0, event_count - 1) as at`);
    expect(new Set(ids.map(({ id }) => id)).size).toBe(16 * 43);
    expect(ids).toHaveLength(16 * 43);
  } finally {
    await db.close();
  }
}, 60_000);

test('a transaction that is open in another database of the server does not hold the seal', async () => {
  const other = await testDeps();
  try {
    await other.db.transaction(async tx => {
      await recordEvent(other, tx, event(0));
      await write(1);
      await settle(deps);
      expect(await sealBatch(deps)).toEqual({ verdict: 'sealed', events: 1, more: false });
      expect(await sealBatch(other)).toEqual({ verdict: 'idle' });
    });
  } finally {
    await other.close();
  }
});

test('a batch never splits a transaction, and a transaction larger than a batch stays whole', async () => {
  await write(0);
  await deps.db.transaction(async tx => {
    for (let index = 1; index < 8; index++) await recordEvent(deps, tx, event(index));
  });
  await write(8);
  await settle(deps);
  expect(await sealBatch(deps, 3)).toEqual({ verdict: 'sealed', events: 1, more: true });
  expect(await sealBatch(deps, 3)).toEqual({ verdict: 'sealed', events: 7, more: true });
  expect(await sealBatch(deps, 3)).toEqual({ verdict: 'sealed', events: 1, more: false });
  expect(await sealBatch(deps, 3)).toEqual({ verdict: 'idle' });
  expect(await verifyTrail(deps)).toMatchObject({ findings: [], batches: 3, events: 9 });
});

test('an event written early and committed late is sealed; an open transaction holds the seal, and is named', async () => {
  await settle(deps);
  const lines: object[] = [];
  const log = { ...deps.log, error: (line: object) => lines.push(line) } as unknown as typeof deps.log;
  await deps.db.transaction(async tx => {
    await recordEvent(deps, tx, event(1));
    await write(2);
    expect(await sealBatch(deps)).toEqual({ verdict: 'idle' });
    await warnOfHeldSeal({ ...deps, log });
    expect(lines).toEqual([]);
    deps.clock.advance(301);
    await warnOfHeldSeal({ ...deps, log });
    expect(lines).toMatchObject([{ events: 1, holder: { pid: expect.any(Number) } }]);
  });
  await settle(deps);
  expect(await sealAll(deps)).toBe(2);
  expect(await verifyTrail(deps)).toMatchObject({ findings: [], events: 2 });
});

test('sealing all that there is comes to an end on a trail that somebody always writes to', async () => {
  let written = 0;
  const { db } = deps;
  const transaction: typeof db.transaction = async work => {
    const seal = await db.transaction(work);
    if (written < 5) await write(++written);
    return seal;
  };
  await write(0);
  await settle(deps);
  expect(await sealAll({ ...deps, db: { ...db, transaction } })).toBe(1);
  expect(written).toBe(1);
});

test('after a restore with lower transaction ids an epoch begins, and nothing is sealed twice or left out', async () => {
  for (let index = 0; index < 3; index++) await write(index);
  await settle(deps);
  await sealAll(deps);
  // Restored: one event that the old cluster had not sealed yet, and one that the new one wrote with a low id.
  const restored = async (transaction: string, index: number) => {
    const row = await prepareEvent(deps, event(index));
    await deps.db.run(sql`with ${insertEvent(row)} select`);
    await asOwner(`update audit_events set transaction_id = '${transaction}' where id = '${row.id}'`);
    return row.id;
  };
  await restored('1000000000000', 3);
  const low = await restored('5', 4);
  expect(await sealBatch(deps)).toEqual({ verdict: 'sealed', events: 2, more: true });
  await write(5);
  await settle(deps);
  // The event that says so, and the one after it.
  expect(await sealAll(deps)).toBe(2);
  expect(await sealBatch(deps)).toEqual({ verdict: 'idle' });
  expect(await verifyTrail(deps)).toMatchObject({ findings: [], batches: 3, events: 7, pending: 0 });
  expect(
    await deps.db.rows(sql`select epoch, count(*) as events from audit_events group by 1 order by 1`),
  ).toEqual([
    { epoch: 1, events: 5 },
    { epoch: 2, events: 2 },
  ]);

  await asOwner(`update audit_events set reason = 'x' where id = '${low}'`);
  expect((await verifyTrail(deps)).findings).toMatchObject([
    { kind: 'event_changed', batch: 2, eventId: low },
  ]);
  await asOwner(`update audit_events set reason = null where id = '${low}'`);
  // Beside what was left over, where the batches before it and the end of the epoch do not look for it.
  for (const transaction of ['1', '2000000000000']) {
    await asOwner(`insert into audit_events (id, created_at, epoch, transaction_id, type, outcome, actor_kind)
      select id, created_at + interval '1 s', epoch, '${transaction}', type, outcome, actor_kind
      from audit_events where id = '${low}'`);
    expect((await verifyTrail(deps)).findings).toMatchObject([{ kind: 'event_inserted', eventId: low }]);
    await asOwner(`delete from audit_events where transaction_id = '${transaction}'`);
  }
  await asOwner(`delete from audit_events where id = '${low}'`);
  expect((await verifyTrail(deps)).findings).toMatchObject([
    { kind: 'event_removed', batch: 2, eventId: low },
  ]);
  await asOwner(`insert into audit_events (id, created_at, epoch, transaction_id, type, outcome, actor_kind)
    select gen_random_uuid(), created_at, 1, t::text::xid8, type, outcome, actor_kind
    from audit_events, unnest(array[6, 2000000000000]) as t where data = '{"index": 0}'`);
  expect((await verifyTrail(deps)).findings.map(({ kind }) => kind).toSorted()).toEqual([
    'event_inserted',
    'event_inserted',
    'event_removed',
  ]);
});

test('who may call the function begins no epoch that the sealer would not begin: what is written would go unsealed', async () => {
  await write(0);
  await settle(deps);
  await sealAll(deps);
  const begin = (on: Sql, epoch: number | null) => on.run(sql`select begin_audit_epoch(${epoch}::int)`);
  for (const epoch of [2, 7, 0, null]) await expect(begin(deps.db, epoch)).rejects.toThrow('does not begin');
  // Neither an event of the caller's own transaction is ahead, nor one that is written while the function runs.
  const both = (tx: Tx) => recordEvent(deps, tx, event(1)).then(() => begin(tx, 2));
  await expect(deps.db.transaction(both)).rejects.toThrow('does not begin');
  const { meanwhile } = await deps.db.transaction(async tx => {
    await tx.run(sql`lock table audit_batches in access exclusive mode`);
    const meanwhile = begin(deps.db, 2).catch(String);
    await waitingForLock(deps.db);
    await write(2);
    return { meanwhile };
  });
  expect(await meanwhile).toContain('does not begin');
  await write(3);
  await settle(deps);
  expect(await sealAll(deps)).toBe(2);
  expect(await verifyTrail(deps)).toMatchObject({ findings: [], events: 3, pending: 0 });
});

test('an epoch ends however long its trail is: no limit of a statement holds it up', async () => {
  await write(0);
  await settle(deps);
  await sealAll(deps);
  await write(1);
  await asOwner(`update audit_events set transaction_id = '1000000000000' where data = '{"index": 1}'`);
  // As long to look through as a batch of so many events.
  await asOwner('update audit_batches set event_count = 3000000');
  const here = await deps.db.row<{ name: string }>(sql`select current_database() as name`);
  const url = new URL(process.env.TEST_DATABASE_URL ?? '');
  url.pathname = `/${here?.name}`;
  url.searchParams.set('statement_timeout', '300');
  const db = openDatabase({ connection: { connectionString: url.href }, poolMax: 1, prepare: true });
  try {
    expect(await sealBatch({ ...deps, db })).toEqual({ verdict: 'sealed', events: 1, more: true });
    expect(await db.row(sql`select current_setting('statement_timeout') as limit`)).toEqual({
      limit: '300ms',
    });
  } finally {
    await db.close();
  }
});
