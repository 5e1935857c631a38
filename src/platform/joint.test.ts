import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
import { type Db, openDatabase } from './database.ts';
import { column, type Joint, sql } from './sql.ts';

describe.each([true, false])('a joint statement, prepared: %s', prepare => {
  let database: Awaited<ReturnType<typeof testDatabase>>;
  let db: Db;
  beforeAll(async () => {
    database = await testDatabase();
    db = openDatabase({ connection: { connectionString: database.url }, poolMax: 1, prepare });
  });
  afterAll(async () => {
    await db.close();
    await database.close();
  });

  const counter: Joint<{ name: string; by: number }> = {
    key: ({ name }) => name,
    alone: ({ name, by }) => sql`
      update counters c set total = total + ${by}::int, ways = ways || 'alone'::text where name = ${name}::text
      returning c.name, c.total, now() as at`,
    together: asks => sql`
      update counters c set total = total + asked.by, ways = ways || 'together'::text
      from unnest(${column(asks, ({ name }) => name)}::text[], ${column(asks, ({ by }) => by)}::int[]) as asked (name, by)
      where c.name = asked.name
        and c.ctid = any(array(select o.ctid from counters o where o.name = asked.name for no key update skip locked))
      returning c.name as key, c.name, c.total, now() as at`,
  };
  interface Counted {
    readonly name: string;
    readonly total: number;
    readonly at: Date;
  }
  const count = (name: string, by: number) =>
    db.join<{ name: string; by: number }, Counted>(counter, { name, by });
  const ways = async (name: string) =>
    (await database.db.row<{ ways: string[] }>(sql`select ways from counters where name = ${name}`))?.ways;

  beforeAll(async () => {
    await database.db.run(sql`
      create table counters (name text primary key, total int not null check (total >= 0), ways text[] not null)`);
  });
  beforeEach(async () => {
    await database.db.run(sql`truncate counters`);
    await database.db.run(
      sql`insert into counters select 'c' || n, 0, '{}' from generate_series(1, 25) as n`,
    );
  });

  test('is asked once for ten who ask at once, alone by one who asks alone, and gives each their own row', async () => {
    const names = Array.from({ length: 25 }, (_, n) => `c${n + 1}`);
    const rows = await Promise.all(names.map((name, n) => count(name, n)));
    expect(rows.map(row => [row?.name, row?.total])).toEqual(names.map((name, n) => [name, n]));
    const moments = rows.map(row => row?.at.getTime());
    for (const [from, to] of [
      [0, 9],
      [10, 19],
      [20, 24],
    ] as const)
      expect(moments[from]).toBe(moments[to]);
    expect(await ways('c25')).toEqual(['together']);
    expect(await count('c25', 1)).toMatchObject({ name: 'c25', total: 25 });
    expect(await ways('c25')).toEqual(['together', 'alone']);
    expect(await Promise.all([count('c1', 1), count('nobody', 1), count('c2', 1)])).toEqual([
      expect.objectContaining({ name: 'c1', total: 1 }),
      null,
      expect.objectContaining({ name: 'c2', total: 2 }),
    ]);
  });

  test('serves each of several who ask for one row', async () => {
    const rows = await Promise.all([count('c1', 1), count('c2', 1), count('c1', 1), count('c1', 1)]);
    expect(rows.map(row => row?.total)).toEqual(expect.arrayContaining([1, 1, 2, 3]));
  });

  test('lets nobody wait for a row that another has locked, and decides about that row when it is free', async () => {
    const open = openDatabase({ connection: { connectionString: database.url }, poolMax: 3, prepare });
    const ask = (name: string) => open.join<{ name: string; by: number }, Counted>(counter, { name, by: 1 });
    const held = Promise.withResolvers<void>();
    const letGo = Promise.withResolvers<void>();
    const holder = database.db.transaction(async tx => {
      await tx.run(sql`update counters set total = 7 where name = 'c2'`);
      held.resolve();
      await letGo.promise;
    });
    await held.promise;
    const waiting = ask('c2');
    const others = [ask('c1'), ask('c3')];
    expect((await Promise.all(others)).map(row => row?.total)).toEqual([1, 1]);
    expect(await ways('c1')).toEqual(['together']);
    letGo.resolve();
    await holder;
    expect((await waiting)?.total).toBe(8);
    expect(await ways('c2')).toEqual(['alone']);
    await open.close();
  });

  test('that one asker breaks fails that one alone, and nothing of it stays', async () => {
    const settled = await Promise.allSettled([count('c1', 1), count('c2', -1), count('c3', 1)]);
    expect(settled).toEqual([
      { status: 'fulfilled', value: expect.objectContaining({ total: 1 }) },
      { status: 'rejected', reason: expect.objectContaining({ code: '23514' }) },
      { status: 'fulfilled', value: expect.objectContaining({ total: 1 }) },
    ]);
    expect(await ways('c1')).toEqual(['alone']);
  });
});
