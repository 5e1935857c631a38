import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Db, Sql } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { eraseExpiredSecrets, outboxStats, requeue, sweepBudgets, sweepOutbox } from './outbox.ts';
import {
  type Claimed,
  claimDue,
  markDead,
  markExpired,
  markRetry,
  markSent,
  renewLease,
  withdrawUnsent,
} from './queries.ts';

const MANY = 1_000;
const MORE = 10 * MANY;
const DAY = 86_400;

let deps: TestDeps;
beforeAll(async () => {
  deps = await testDeps();
  const { db, clock } = deps;
  const now = clock.now();
  const many = sql`generate_series(1, ${MANY}::int) as n`;
  // Sent yesterday; given up ten days ago; due, on a channel that stands still; and budgets of this hour.
  await db.run(sql`
    insert into outbox (id, channel, template, recipient, created_at, next_attempt_at, sent_at)
    select gen_random_uuid(), 'mail', 'sign-in', 'ada@example.com', at, at, at
    from (select ${addSeconds(now, -DAY)}::timestamptz as at) as yesterday, generate_series(1, ${MORE}::int)`);
  await db.run(sql`
    insert into outbox (id, channel, template, recipient, created_at, next_attempt_at, dead_at)
    select gen_random_uuid(), 'mail', 'sign-in', 'ada@example.com', at, at, at
    from (select ${addSeconds(now, -10 * DAY)}::timestamptz as at) as former, ${many}`);
  await db.run(sql`
    insert into outbox (id, channel, template, recipient, created_at, next_attempt_at, secrets_sealed, expires_at)
    select gen_random_uuid(), 'mail', 'sign-in', 'ada@example.com', ${now}::timestamptz, ${now}::timestamptz, 'sealed',
      ${addSeconds(now, DAY)}::timestamptz
    from ${many}`);
  await db.run(sql`
    insert into sms_budgets (key, window_started_at, sent)
    select sha256(n::text::bytea), ${now}::timestamptz, 1 from generate_series(1, ${MORE}::int) as n`);
  await db.run(sql`analyze outbox, sms_budgets`);
});
afterAll(() => deps.close());

const FEW = 20;
const reads = (work: (deps: TestDeps) => Promise<unknown>) =>
  rowsRead(deps.db, explained => work({ ...deps, db: { ...deps.db, ...explained } }));

test('what is due on a channel is found whatever waits on the other', async () => {
  const now = deps.clock.now();
  const claim = { channel: 'sms', awaited: true, limit: 5, now, claimedUntil: addSeconds(now, 60) };
  expect(await reads(({ db }) => claimDue(db, claim))).toBeLessThan(FEW);
});

// Of a table that is known to have one row, a plan may ask for the batch once for each.
test('a claim takes as many as it was asked for, also where the plan was made for one', async () => {
  const fresh = await testDeps();
  try {
    const { db, clock } = fresh;
    const now = clock.now();
    const insert = (count: number) =>
      db.run(sql`
        insert into outbox (id, channel, template, recipient, created_at, next_attempt_at)
        select gen_random_uuid(), 'mail', 'sign-in', 'ada@example.com', ${now}::timestamptz, ${now}::timestamptz
        from generate_series(1, ${count}::int)`);
    const claim = { channel: 'mail', awaited: true, limit: 4, now, claimedUntil: addSeconds(now, 60) };
    await insert(1);
    await db.run(sql`analyze outbox`);
    for (let time = 0; time < 8; time++) await claimDue(db, claim);
    await insert(200);
    expect(await claimDue(db, claim)).toHaveLength(4);
  } finally {
    await fresh.close();
  }
});

// As a rule all is sent, and the index of what is not is empty: what it costs to read all of it is nothing, until a mail server
// is away for an hour.
describe('where all was sent when the plans were made', () => {
  let fresh: TestDeps;
  const userId = randomUUID();
  beforeAll(async () => {
    fresh = await testDeps();
    const { db, clock } = fresh;
    await db.run(sql`
      insert into users (id, email, username, first_name, last_name, full_name, created_at, updated_at)
      select ${userId}::uuid, '', '', '', '', '', at, at from (select ${clock.now()}::timestamptz as at) as now`);
    await db.run(sql`
      insert into outbox (id, channel, template, recipient, user_id, created_at, next_attempt_at, sent_at)
      select gen_random_uuid(), 'mail', 'sign-in', 'ada@example.com', ${userId}::uuid, at, at, at
      from (select ${clock.now()}::timestamptz as at) as now, generate_series(1, 20)`);
    await db.run(sql`
      insert into outbox (id, channel, template, recipient, created_at, next_attempt_at, sent_at)
      select gen_random_uuid(), 'mail', 'sign-in', 'ada@example.com', at, at, at
      from (select ${clock.now()}::timestamptz as at) as now, generate_series(1, ${MORE}::int)`);
    await db.run(sql`analyze outbox`);
  });
  afterAll(() => fresh.close());

  const pileUp = (tx: Sql) =>
    tx.run(sql`
      insert into outbox (id, channel, template, recipient, created_at, next_attempt_at, secrets_sealed, dead_at)
      select gen_random_uuid(), 'mail', 'sign-in', 'ada@example.com', at, at, 'sealed', case when n % 2 = 0 then at end
      from (select ${fresh.clock.now()}::timestamptz as at) as now, generate_series(1, ${MANY}::int) as n`);
  const message = { id: randomUUID(), attempts: 1 } as Claimed;
  const now = new Date();

  test.each<[string, (db: Sql) => Promise<unknown>]>([
    [
      'the next one that is due',
      db => {
        const at = fresh.clock.now();
        return claimDue(db, { channel: 'mail', awaited: true, limit: 1, now: at, claimedUntil: at });
      },
    ],
    ['a lease that is renewed', db => renewLease(db, message, now)],
    ['a message that was sent', db => markSent(db, message, now)],
    ['one that is tried again', db => markRetry(db, message, now, '', 1)],
    ['one that is given up', db => markDead(db, message, now, '')],
    ['one that expired', db => markExpired(db, message, now)],
    ['one that is requeued', db => requeue({ ...fresh, db: { ...fresh.db, ...db } }, { id: message.id })],
    [
      'a code that is taken back',
      db => withdrawUnsent(db, { userId, template: 'code', reason: 'late', now }),
    ],
  ])('%s is looked up whatever piles up', async (_what, send) => {
    expect(await rowsRead(fresh.db, send, pileUp)).toBeLessThan(2 * FEW);
  });
});

test('a sweep that has nothing to do reads neither what was sent, nor dead letters, nor budgets in use', async () => {
  expect(await reads(deps => eraseExpiredSecrets(deps, 500))).toBeLessThan(FEW);
  expect(await reads(deps => sweepOutbox(deps, 500))).toBeLessThan(FEW);
  expect(await reads(deps => sweepBudgets(deps, 500))).toBeLessThan(FEW);
});

test('the metrics count what is not sent, and read nothing else', async () => {
  expect(await outboxStats(deps)).toMatchObject({ waiting: MANY, dead: MANY });
  expect(await reads(outboxStats)).toBeLessThan(MORE);
});

test('thousands of dead letters are requeued in slices, and one by itself', async () => {
  const { db, clock } = deps;
  await db.run(sql`
    insert into outbox (id, channel, template, recipient, created_at, next_attempt_at, dead_at)
    select gen_random_uuid(), 'mail', 'sign-in', 'ada@example.com', at, at, at
    from (select ${clock.now()}::timestamptz as at) as now, generate_series(1, 1500)`);
  const [one] = await db.rows<{ id: string }>(sql`select id from outbox where dead_at is not null limit 1`);
  expect(await requeue(deps, { id: one?.id ?? '' })).toBe(1);
  const slices: number[] = [];
  const counting: Db = {
    ...db,
    async row<Row>(statement: Fragment) {
      const row = await db.row<Row>(statement);
      slices.push((row as { count: number }).count);
      return row;
    },
  };
  expect(await requeue({ ...deps, db: counting }, {})).toBe(MANY + 1500 - 1);
  expect(slices).toEqual([1_000, 1_000, MANY + 1500 - 1 - 2_000, 0]);
  expect(await outboxStats(deps)).toMatchObject({ waiting: 2 * MANY + 1500, dead: 0 });
});
