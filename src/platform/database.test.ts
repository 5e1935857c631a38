import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
import { type Db, openDatabase } from './database.ts';
import { type Joint, type Reading, sql } from './sql.ts';

test('values are parameters, fragments nest, and every statement is prepared by name', async () => {
  const { db, close } = await testDatabase();
  try {
    const inner = sql`select ${'a'}::text as letter, ${2}::int as count`;
    const row = await db.row(
      sql`with inner_rows as (${inner}) select *, ${"'; drop table users"}::text as hostile from inner_rows`,
    );
    expect(row).toEqual({ letter: 'a', count: 2, hostile: "'; drop table users" });
    const prepared = await db.rows<{ statement: string }>(sql`select statement from pg_prepared_statements`);
    expect(prepared.length).toBeGreaterThan(0);
  } finally {
    await close();
  }
});

test('times are read whatever the database is set to write them as', async () => {
  const { url, db: other, close } = await testDatabase();
  await other.run(sql`
    do $$ begin execute format('alter database %I set datestyle to German', current_database()); end $$`);
  const db = openDatabase({ connection: { connectionString: url }, poolMax: 1, prepare: true });
  try {
    const at = new Date('2026-03-04T05:06:07.089Z');
    expect(await db.row(sql`select ${at}::timestamptz as at`)).toEqual({ at });
  } finally {
    await db.close();
    await close();
  }
});

test('a prepared statement that a pooler has lost is no defect, and the log is told what to set', async () => {
  const { url, close } = await testDatabase();
  const db = openDatabase({ connection: { connectionString: url }, poolMax: 1, prepare: true });
  const one = () => db.row(sql`select 1 as one`);
  try {
    await one();
    await db.run(sql`deallocate all`);
    const cause = expect.objectContaining({ message: expect.stringContaining('set DB_PREPARE=off') });
    await expect(one()).rejects.toMatchObject({ code: 'database_unavailable', cause });
    expect(await one()).toEqual({ one: 1 });
  } finally {
    await db.close();
    await close();
  }
});

test('where the server takes no writes the log is told what to do', async () => {
  const { db, close } = await testDatabase();
  const write = db.transaction(async tx => {
    await tx.run(sql`set local transaction_read_only to on`);
    await tx.run(sql`delete from roles`);
  });
  try {
    const cause = expect.objectContaining({ message: expect.stringContaining('name the primary') });
    await expect(write).rejects.toMatchObject({ code: 'database_unavailable', cause });
  } finally {
    await close();
  }
});

test('a throw inside a transaction rolls back, a return commits', async () => {
  const { db, close } = await testDatabase();
  try {
    const insert = (name: string) =>
      sql`insert into roles (name, description, created_at) values (${name}, '', ${new Date()})`;
    await db.transaction(tx => tx.run(insert('kept')));
    await expect(
      db.transaction(async tx => {
        await tx.run(insert('lost'));
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await db.rows(sql`select name from roles where not built_in`)).toEqual([{ name: 'kept' }]);
  } finally {
    await close();
  }
});

test('a server that hangs up on a transaction between two statements fails that transaction, and nothing else', async () => {
  const { db, close } = await testDatabase();
  try {
    const lost = db.transaction(async tx => {
      const mine = await tx.row<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      await db.run(sql`select pg_terminate_backend(${mine?.pid ?? 0})`);
      await new Promise(resolve => setTimeout(resolve, 100));
      await tx.row(sql`select 1 as one`);
    });
    await expect(lost).rejects.toThrow(expect.objectContaining({ code: 'database_unavailable' }));
    expect(await db.row(sql`select 1 as one`)).toEqual({ one: 1 });
  } finally {
    await close();
  }
});

test('an idle connection that the server ends is reported without all that its client holds; a second close changes nothing', async () => {
  const { url, db: other, close } = await testDatabase();
  const reported: Error[] = [];
  const options = { connection: { connectionString: url }, poolMax: 2, prepare: true };
  const db = openDatabase({ ...options, onIdleError: error => reported.push(error) });
  const end = ({ pid }: { pid: number }) => other.run(sql`select pg_terminate_backend(${pid})`);
  const pid = sql`select pg_backend_pid() as pid`;
  try {
    await end((await db.row<{ pid: number }>(pid)) ?? { pid: 0 });
    await expect.poll(() => reported).toHaveLength(1);
    expect(Object.keys(reported[0] as object)).toContain('code');
    expect(Object.keys(reported[0] as object)).not.toContain('client');
    expect(await db.row(sql`select 1 as one`)).toEqual({ one: 1 });
  } finally {
    await Promise.all([db.close(), db.close()]);
    await close();
  }
});

test('a connection that the server has just ended because it was idle for too long costs no answer', async () => {
  const { url, close } = await testDatabase();
  const impatient = new URL(url);
  impatient.searchParams.set('options', '-c idle_session_timeout=50');
  const db = openDatabase({ connection: { connectionString: impatient.href }, poolMax: 2, prepare: true });
  const one = sql`select 1 as one`;
  // Until this thread sleeps no more, it does not hear of the end.
  const sleepDeaf = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  try {
    await Promise.all([db.row(one), db.transaction(tx => tx.row(one))]);
    sleepDeaf();
    expect(await db.row(one)).toEqual({ one: 1 });
    sleepDeaf();
    expect(await db.transaction(tx => tx.row(one))).toEqual({ one: 1 });
    await db.row(one);
    sleepDeaf();
    const shared = await Promise.all(['a', 'b'].map(key => db.share(one, key)));
    expect(shared).toEqual([{ one: 1 }, { one: 1 }]);
  } finally {
    await db.close();
    await close();
  }
});

test('an idle connection is kept alive from its first minute on', async () => {
  const { url, close } = await testDatabase();
  const keptAlive = vi.spyOn(Socket.prototype, 'setKeepAlive');
  const db = openDatabase({ connection: { connectionString: url }, poolMax: 1, prepare: true });
  try {
    await db.row(sql`select 1 as one`);
    expect(keptAlive.mock.calls).toEqual([[true, 60_000]]);
  } finally {
    keptAlive.mockRestore();
    await db.close();
    await close();
  }
});

test('a role that the server does not let in finds no database, by whichever door; an error of a statement stays one', async () => {
  const { db, url, close } = await testDatabase();
  const connection = { connectionString: url.replace(/\/\/[^@]*@/, '//nobody_of_this_name:wrong@') };
  const refused = openDatabase({ connection, poolMax: 2, prepare: true });
  const unavailable = expect.objectContaining({ code: 'database_unavailable' });
  const one = sql`select 1 as one`;
  const joint: Joint<string> = { key: ask => ask, alone: () => one, together: () => one };
  const reading: Reading<string> = { alone: () => one, together: () => one };
  try {
    for (const answer of await Promise.allSettled([
      refused.rows(one),
      refused.run(one),
      refused.read(reading, 'a'),
      refused.read(reading, 'b'),
      refused.join(joint, 'a'),
      refused.join(joint, 'b'),
      refused.transaction(tx => tx.row(one)),
    ]))
      expect(answer).toEqual({ status: 'rejected', reason: unavailable });
    const raise = sql`do $$ begin raise exception 'a defect' using errcode = '55000'; end $$`;
    await expect(db.run(raise)).rejects.toMatchObject({ code: '55000' });
  } finally {
    await refused.close();
    await close();
  }
});

describe.each([true, false])('prepared: %s', prepare => {
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

  test('what a statement returns is the same the first time and later', async () => {
    const at = new Date('2026-11-23T17:21:26.123Z');
    const ask = (text: string | null) =>
      db.rows(sql`
        select ${text}::text as text, n, n::bigint as big, n = 2 as two, ${at}::timestamptz as at, array['a', 'b'] as list,
          ${Buffer.from('bytes')}::bytea as bytes from generate_series(1, 2) as n`);
    const rows = (text: string | null) =>
      [1, 2].map(n => ({
        text,
        n,
        big: n,
        two: n === 2,
        at,
        list: ['a', 'b'],
        bytes: Buffer.from('bytes'),
      }));
    for (const text of [null, 'naïve', null]) expect(await ask(text)).toEqual(rows(text));
    expect(await db.row(sql`select 1 as one where false`)).toBeNull();
    expect(await db.run(sql`update roles set description = description`)).toBe(2);
    expect(await db.run(sql`update roles set description = description`)).toBe(2);
  });

  test.each([
    ['UTC', '2026-11-23 17:21:26.123456+00', '2026-11-23T17:21:26.123Z'],
    ['UTC', '2026-11-23 17:21:26+00', '2026-11-23T17:21:26.000Z'],
    ['Asia/Tokyo', '2026-11-23 17:21:26.1+00', '2026-11-23T17:21:26.100Z'],
    ['America/Los_Angeles', '2026-07-01 00:00:00+00', '2026-07-01T00:00:00.000Z'],
    ['Asia/Kathmandu', '2026-11-23 17:21:26+00', '2026-11-23T17:21:26.000Z'],
    ['UTC', '0044-03-15 12:00:00+00 BC', '-000043-03-15T12:00:00.000Z'],
  ])('a time is the same moment whatever the zone of the server: %s', async (zone, text, moment) => {
    const row = await db.transaction(async tx => {
      await tx.run(sql`select set_config('timezone', ${zone}::text, true)`);
      return tx.row<{ at: Date }>(sql`select ${text}::text::timestamptz as at`);
    });
    expect(row?.at.toISOString()).toBe(moment);
  });

  test('a statement that is refused, or cannot be sent, fails alone, and a refusal costs no connection', async () => {
    const connection = () => db.row<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    const before = await connection();
    const role = sql`insert into roles (name, description, created_at) values ('admin', '', now())`;
    for (let count = 0; count < 2; count++)
      await expect(db.run(role)).rejects.toThrow(expect.objectContaining({ code: '23505' }));
    const wrong = (text: string) => db.row(sql`select ${text}::text::int as value`);
    await expect(wrong('one')).rejects.toThrow(expect.objectContaining({ code: '22P02' }));
    expect(await wrong('1')).toEqual({ value: 1 });
    expect(await connection()).toEqual(before);
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    await expect(db.row(sql`select ${circular}::jsonb as value`)).rejects.toThrow(/circular/i);
    expect(await db.row(sql`select ${{ fine: true }}::jsonb as value`)).toEqual({ value: { fine: true } });
  });

  test('a migration beside the running service goes unnoticed, however many connections were made before it', async () => {
    const pool = openDatabase({ connection: { connectionString: database.url }, poolMax: 3, prepare });
    await database.db.run(sql`create table changing (value int)`);
    await database.db.run(sql`insert into changing values (1)`);
    const read = () => pool.row(sql`select value from changing`);
    const readWithin = () => pool.transaction(tx => tx.row(sql`select value from changing`));
    const changes = [
      [read, sql`alter table changing alter column value type text`, { value: '1' }],
      [readWithin, sql`alter table changing alter column value type int using value::int`, { value: 1 }],
    ] as const;
    for (const [one, change, changed] of changes) {
      await Promise.all([one(), one(), one()]);
      await database.db.run(change);
      expect(await one()).toEqual(changed);
    }
    await Promise.all([read(), read(), read()]);
    let attempts = 0;
    const inTheWay = pool.transaction(async tx => {
      if (attempts++ === 0) {
        await database.db.run(sql`alter table changing alter column value type text`);
        await tx.run(sql`do $$ begin raise exception 'a deadlock' using errcode = '40P01'; end $$`);
      }
      return tx.row(sql`select value from changing`);
    });
    expect(await inTheWay).toEqual({ value: '1' });
    await expect(pool.row(sql`select nonsense`)).rejects.toThrow('column "nonsense" does not exist');
    await pool.close();
    await database.db.run(sql`drop table changing`);
  });

  test('the trace of an error leads to who asked', async () => {
    const whoAsked = async () => await db.row(sql`select 1 / 0`);
    const error = await whoAsked().catch((thrown: Error) => thrown);
    expect((error as Error).stack).toContain('whoAsked');
  });
});
