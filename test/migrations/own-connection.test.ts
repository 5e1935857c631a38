import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkDatabase } from '../../src/platform/migrations/check.ts';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { pooler } from './pooler.ts';
import { type EmptyDatabase, emptyDatabase } from './support.ts';

let database: EmptyDatabase;
let between: Awaited<ReturnType<typeof pooler>>;

beforeEach(async () => {
  database = await emptyDatabase();
});
afterEach(async () => {
  await between.close();
  await database.close();
});

it.each([
  ['an upgrade', upgrade],
  ['a check', checkDatabase],
])(
  '%s behind a pooler that gives each transaction another connection is refused, and leaves no lock',
  async (_, run) => {
    between = await pooler(database.connection.connectionString, 'transaction');
    const connection = { connectionString: between.url };
    const work = run({ connection, revisions: await readRevisions(), say: () => {} });
    await expect(work).rejects.toThrow(
      /pgbouncer in transaction mode.* MIGRATE_DATABASE_URL name PostgreSQL itself/,
    );
    expect(
      await database.query(`select pid from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())`),
    ).toEqual([]);
    expect(await database.query("select to_regclass('schema_revisions') as is")).toEqual([{ is: null }]);
  },
);

it('an upgrade behind a pooler in session mode goes on, also where that has one connection only', async () => {
  between = await pooler(database.connection.connectionString, 'session');
  const connection = { connectionString: between.url };
  await upgrade({ connection, revisions: await readRevisions(), say: () => {} });
  expect(await database.query("select to_regclass('schema_revisions') is not null as made")).toEqual([
    { made: true },
  ]);
});
