import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../../test/support/database.ts';
import { sql } from './sql.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await database.db.run(sql`create table notes (name text primary key, text text not null)`);
  await database.db.run(sql`insert into notes values ('a', ''), ('b', '')`);
  await database.db.run(sql`
    create function refuse(code text) returns void language plpgsql as 'begin raise exception using errcode = code; end'`);
});
afterAll(() => database.close());

test('of two transactions that wait for each other one runs again, and both are written', async () => {
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let runs = 0;
  const write = (index: number, names: readonly string[]) =>
    database.db.transaction(async tx => {
      runs += 1;
      for (const name of names) {
        await tx.run(sql`update notes set text = text || ${String(index)}::text where name = ${name}`);
        begun[index]?.resolve();
        await Promise.all(begun.map(({ promise }) => promise));
      }
      return index;
    });
  expect(await Promise.all([write(0, ['a', 'b']), write(1, ['b', 'a'])])).toEqual([0, 1]);
  expect(runs).toBe(3);
  const notes = await database.db.rows<{ text: string }>(sql`select text from notes`);
  for (const { text } of notes) expect(text.split('').toSorted()).toEqual(['0', '1']);
});

test.each([
  ['a deadlock', '40P01', 2],
  ['a serialization failure', '40001', 2],
  ['anything else', '23505', 1],
])('%s that stays is thrown: %s after %i runs', async (_what, code, expected) => {
  let runs = 0;
  const work = database.db.transaction(async tx => {
    runs += 1;
    await tx.run(sql`select refuse(${code}::text)`);
  });
  await expect(work).rejects.toThrow(expect.objectContaining({ code }));
  expect(runs).toBe(expected);
});
