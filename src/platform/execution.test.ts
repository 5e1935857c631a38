import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
import { Execution, type Outcome } from './execution.ts';
import { sql, toStatement } from './sql.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let client: pg.Client;
beforeAll(async () => {
  database = await testDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.close();
});

const runEach = (text: ReturnType<typeof sql>, valueLists: readonly unknown[][]) =>
  new Promise<readonly Outcome[]>((resolve, reject) =>
    client.query(
      new Execution(toStatement(text), valueLists, (error, outcomes) =>
        outcomes === undefined ? reject(error as Error) : resolve(outcomes),
      ),
    ),
  );

test('several runs wait a tenth of a second for a lock, without a word in the log, and what comes after them as before', async () => {
  const notices: unknown[] = [];
  client.on('notice', notice => notices.push(notice));
  const reading = sql`select ${'a'}::text as name, current_setting('lock_timeout') as timeout`;
  for (const _ of ['first', 'prepared']) {
    const outcomes = await runEach(reading, [['a'], ['b']]);
    expect(outcomes.flatMap(({ rows }) => rows)).toEqual([
      { name: 'a', timeout: '100ms' },
      { name: 'b', timeout: '100ms' },
    ]);
  }
  expect((await runEach(reading, [['c']]))[0]?.rows).toEqual([{ name: 'c', timeout: '0' }]);
  expect(notices).toEqual([]);
});
