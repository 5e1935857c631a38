import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
import { type Db, openDatabase } from './database.ts';
import { column, type Reading, sql } from './sql.ts';

describe.each([true, false])('a reading, prepared: %s', prepare => {
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

  // Of three there is nothing to read.
  const numbers: Reading<string> = {
    alone: text => sql`
      select text::int as n, now() as at, 'alone' as way from (select ${text}::text) as asked (text) where text <> '3'`,
    together: all => sql`
      select place, text::int as n, now() as at, 'together' as way
      from unnest(${column(all, text => text)}::text[]) with ordinality as asked (text, place)
      where text is not null and text <> '3' order by place desc`,
  };
  interface Row {
    readonly n: number;
    readonly at: Date;
    readonly way: string;
  }
  const ask = (n: number | string) => db.read<string, Row>(numbers, String(n));

  test('is made once for ten who ask at once, alone for one who asks alone, and gives each their own row', async () => {
    for (let again = 0; again < 2; again++) {
      const answers = await Promise.all(Array.from({ length: 25 }, (_, n) => ask(n)));
      expect(answers.map(answer => answer?.n ?? null)).toEqual(
        Array.from({ length: 25 }, (_, n) => (n === 3 ? null : n)),
      );
      // One statement has one now().
      const moments = answers.map(answer => answer?.at.getTime());
      for (const [from, to] of [
        [0, 9],
        [10, 19],
        [20, 24],
      ] as const)
        expect(moments[from]).toBe(moments[to]);
      expect(await ask(7)).toMatchObject({ n: 7, way: 'alone' });
      expect(await ask(3)).toBeNull();
    }
  });

  test('several may ask for the same, together', async () => {
    const answers = await Promise.all([ask(1), ask(1), ask(3), ask(1)]);
    expect(answers.map(answer => answer && [answer.n, answer.way])).toEqual([
      [1, 'together'],
      [1, 'together'],
      null,
      [1, 'together'],
    ]);
  });

  test('two readings do not go together', async () => {
    const word: Reading<string> = {
      alone: text => sql`select ${text}::text as word`,
      together: all => sql`
        select place, word from unnest(${column(all, text => text)}::text[]) with ordinality as asked (word, place)`,
    };
    const both = [ask(1), db.read<string, object>(word, 'other'), ask(2)];
    expect(await Promise.all(both)).toMatchObject([{ n: 1 }, { word: 'other' }, { n: 2 }]);
  });

  test('one who is refused, or cannot be sent, fails alone', async () => {
    expect(await Promise.allSettled(['1', 'two', '4', 'five'].map(ask))).toEqual([
      { status: 'fulfilled', value: expect.objectContaining({ n: 1 }) },
      { status: 'rejected', reason: expect.objectContaining({ code: '22P02' }) },
      { status: 'fulfilled', value: expect.objectContaining({ n: 4 }) },
      { status: 'rejected', reason: expect.objectContaining({ code: '22P02' }) },
    ]);
    const values: Reading<unknown> = {
      alone: value => sql`select ${value}::jsonb as value`,
      together: all => sql`
        select place, value from unnest(${column(all, value => value)}::jsonb[]) with ordinality as asked (value, place)`,
    };
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const given = [{ fine: true }, circular].map(value => db.read(values, value));
    expect(await Promise.allSettled(given)).toEqual([
      { status: 'fulfilled', value: { value: { fine: true } } },
      {
        status: 'rejected',
        reason: expect.objectContaining({ message: expect.stringMatching(/circular/i) }),
      },
    ]);
  });

  test('all are told when the server hangs up, and the next one is served', async () => {
    const gone = sql`select pg_terminate_backend(pg_backend_pid()) as gone`;
    const fatal: Reading<number> = { alone: () => gone, together: () => gone };
    const told = await Promise.allSettled([1, 2, 3].map(n => db.read(fatal, n)));
    expect(told).toEqual(
      Array.from({ length: 3 }, () => ({
        status: 'rejected',
        reason: expect.objectContaining({ code: 'database_unavailable' }),
      })),
    );
    expect(await ask(1)).toMatchObject({ n: 1 });
  });
});
