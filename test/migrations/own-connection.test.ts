import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkDatabase } from '../../src/platform/migrations/check.ts';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { type EmptyDatabase, emptyDatabase } from './support.ts';
import { transactionPooler } from './transaction-pooler.ts';

let database: EmptyDatabase;
let pooler: Awaited<ReturnType<typeof transactionPooler>>;

beforeEach(async () => {
  database = await emptyDatabase();
  pooler = await transactionPooler(database.connection.connectionString);
});
afterEach(async () => {
  await pooler.close();
  await database.close();
});

it.each([
  ['an upgrade', upgrade],
  ['a check', checkDatabase],
])(
  '%s behind a pooler that gives each transaction another connection is refused, and leaves no lock',
  async (_, run) => {
    const connection = { connectionString: pooler.url };
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
