import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
import { type Db, openDatabase } from './database.ts';
import { sql } from './sql.ts';

interface Counted {
  readonly name: string;
  readonly total: number;
  readonly place: number;
  readonly transaction: string;
}

let database: Awaited<ReturnType<typeof testDatabase>>;
beforeAll(async () => {
  database = await testDatabase();
  await database.db.run(
    sql`create table counters (name text primary key, total int not null check (total >= 0))`,
  );
  await database.db.run(sql`create sequence places`);
});
beforeEach(async () => {
  await database.db.run(sql`truncate counters`);
  await database.db.run(sql`insert into counters select 'c' || n, 0 from generate_series(10, 34) as n`);
});
afterAll(() => database.close());

const open = (poolMax: number, prepare = true) =>
  openDatabase({ connection: { connectionString: database.url }, poolMax, prepare });

const count = (db: Db, name: string, by: unknown = 1) =>
  db.share<Counted>(
    sql`update counters set total = total + ${by}::int where name = ${name}::text
      returning name, total, nextval('places') as place, pg_current_xact_id()::text as transaction`,
    name,
  );

const counted = (members: object) => expect.objectContaining(members);

/** Locks a row from elsewhere until the returned function is called. */
async function lock(name: string): Promise<() => Promise<void>> {
  const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = database.db.transaction(async tx => {
    await tx.run(sql`update counters set total = 7 where name = ${name}`);
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  return () => {
    letGo.resolve();
    return holder;
  };
}

describe('statements that share a transaction', () => {
  let db: Db;
  beforeAll(() => {
    db = open(3);
  });
  afterAll(() => db.close());

  test('go ten at a time, in the order of their keys, and give each their own row', async () => {
    const names = Array.from({ length: 25 }, (_, n) => `c${10 + ((n * 7) % 25)}`);
    const rows = (await Promise.all(names.map((name, n) => count(db, name, n)))) as Counted[];
    expect(rows.map(({ name, total }) => [name, total])).toEqual(names.map((name, n) => [name, n]));
    for (const [from, to] of [
      [0, 10],
      [10, 20],
      [20, 25],
    ] as const) {
      const company = rows.slice(from, to);
      expect(new Set(company.map(({ transaction }) => transaction)).size).toBe(1);
      expect(company.toSorted((a, b) => a.place - b.place).map(({ name }) => name)).toEqual(
        names.slice(from, to).toSorted(),
      );
    }
    expect(new Set(rows.map(({ transaction }) => transaction)).size).toBe(3);
  });

  test('are those of one text: another one goes by itself, and nobody is null for whom there is no row', async () => {
    const other = db.share<Counted>(
      sql`update counters set total = 0 where name = 'c12' returning name, pg_current_xact_id()::text as transaction`,
      'c12',
    );
    const [c10, nobody, c11] = await Promise.all([count(db, 'c10'), count(db, 'nobody'), count(db, 'c11')]);
    expect([c10?.name, nobody, c11?.name]).toEqual(['c10', null, 'c11']);
    expect(c11?.transaction).toBe(c10?.transaction);
    expect((await other)?.transaction).not.toBe(c10?.transaction);
  });

  test('never go together with another one of their key', async () => {
    const rows = await Promise.all(['c10', 'c11', 'c10', 'c10'].map(name => count(db, name)));
    expect(rows.map(row => row?.total).toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 1, 2, 3]);
    expect(new Set(rows.map(row => row?.transaction)).size).toBe(3);
  });

  test('wait a tenth of a second for a lock that another has, and then each for itself', async () => {
    const connections = async () =>
      (
        await database.db.rows<{ pid: number }>(
          sql`select pid from pg_stat_activity where datname = current_database() order by pid`,
        )
      ).map(({ pid }) => pid);
    const unlock = await lock('c11');
    const before = await connections();
    const waiting = count(db, 'c11');
    const others = await Promise.all([count(db, 'c10'), count(db, 'c12')]);
    expect(others).toEqual([counted({ name: 'c10', total: 1 }), counted({ name: 'c12', total: 1 })]);
    expect(others[0]?.transaction).not.toBe(others[1]?.transaction);
    // Whose wait was cut short is as good as it was.
    expect(await connections()).toEqual(expect.arrayContaining(before));
    await unlock();
    expect(await waiting).toEqual(counted({ name: 'c11', total: 8 }));
    // Who is alone in its turn waits as long as it takes.
    const again = await lock('c11');
    const alone = count(db, 'c11');
    expect(await Promise.race([alone, new Promise(resolve => setTimeout(resolve, 300, 'waits'))])).toBe(
      'waits',
    );
    await again();
    expect(await alone).toEqual(counted({ total: 8 }));
  });

  test('that fail, in the server or before it, fail alone, and leave nothing behind', async () => {
    const circle: Record<string, unknown> = {};
    circle.itself = circle;
    for (const [by, refusal] of [
      [-1, { code: '23514' }],
      [circle, { name: 'TypeError' }],
    ] as const) {
      const before = (await count(db, 'c10'))?.total as number;
      const settled = await Promise.allSettled([count(db, 'c10'), count(db, 'c11', by), count(db, 'c12')]);
      expect(settled).toEqual([
        { status: 'fulfilled', value: counted({ name: 'c10', total: before + 1 }) },
        { status: 'rejected', reason: expect.objectContaining(refusal) },
        { status: 'fulfilled', value: counted({ name: 'c12' }) },
      ]);
    }
  });

  test('whose connection is lost may have been committed or not, and are told that the database is away', async () => {
    const unlock = await lock('c12');
    const all = Promise.allSettled([count(db, 'c10'), count(db, 'c11'), count(db, 'c12')]);
    const asleep = sql`
      select pg_terminate_backend(pid) as ended from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await database.db.row(asleep)) === null);
    const unavailable = { status: 'rejected', reason: counted({ code: 'database_unavailable' }) };
    expect(await all).toEqual([unavailable, unavailable, unavailable]);
    await unlock();
    expect(await count(db, 'c10')).toEqual(counted({ total: 1 }));
  });
});

test('in two companies at once, of whatever order, all come through', async () => {
  const [one, other] = [open(3), open(3)];
  const names = Array.from({ length: 10 }, (_, n) => `c${n + 10}`);
  for (let round = 1; round <= 20; round++) {
    const rows = await Promise.all([
      ...names.map(name => count(one, name)),
      ...names.toReversed().map(name => count(other, name)),
    ]);
    expect(rows.map(row => row?.total).toSorted((a, b) => Number(a) - Number(b))).toEqual([
      ...names.map(() => 2 * round - 1),
      ...names.map(() => 2 * round),
    ]);
  }
  await one.close();
  await other.close();
});

test('behind a pooler that keeps no statements, each goes by itself', async () => {
  const plain = open(3, false);
  const rows = await Promise.all(['c10', 'c11'].map(name => count(plain, name)));
  expect(rows.map(row => row?.total)).toEqual([1, 1]);
  expect(rows[0]?.transaction).not.toBe(rows[1]?.transaction);
  await plain.close();
});
