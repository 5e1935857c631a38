import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { type EmptyDatabase, emptyDatabase, on, revisionsFolder } from './support.ts';

const ONE = '20260101000000_one';
const TWO = '20260102000000_two';

let database: EmptyDatabase;
let files: Awaited<ReturnType<typeof revisionsFolder>>;
beforeEach(async () => {
  database = await emptyDatabase();
  files = await revisionsFolder({ copy: false });
  await files.add(ONE, 'create table one (id int); insert into one values (1)', 'drop table one');
});
afterEach(async () => {
  await database.close();
  await files.remove();
});

const migration = async (connection: pg.ClientConfig = database.connection) => ({
  connection,
  revisions: await readRevisions(files.folder),
  say: () => {},
});
/** Waits until a connection to this database is in that state. */
async function until(condition: string): Promise<void> {
  const query = `select from pg_stat_activity where datname = '${database.name}' and ${condition}`;
  while ((await database.query(query)).length === 0) await sleep(20);
}

test('a revision sees what was committed while it waited for a table, whatever the isolation of the role', async () => {
  await upgrade(await migration());
  await database.query(`alter database ${database.name} set default_transaction_isolation to serializable`);
  await files.add(TWO, 'alter table one add extra int; update one set extra = id', 'select 1');
  const options = await migration();
  await on(database.connection.connectionString, async holder => {
    await holder.query('begin isolation level read committed; insert into one values (2)');
    const upgraded = upgrade(options);
    await until("wait_event_type = 'Lock'");
    await holder.query('commit');
    await upgraded;
  });
  expect(await database.query('select id, extra from one order by id')).toEqual([
    { id: 1, extra: 1 },
    { id: 2, extra: 2 },
  ]);
});
