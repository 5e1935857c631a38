import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { type EmptyDatabase, emptyDatabase, migrationOf, on, revisionsFolder } from './support.ts';

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

const migration = (connection: pg.ClientConfig = database.connection) =>
  migrationOf({ connection }, files.folder);
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

test('what a process had begun that is no more is soon ended, and its tables are free', async () => {
  await upgrade(await migration());
  await files.add(TWO, 'lock table one; select pg_sleep(60)', 'select 1');
  const { host, port, user, password, database: name } = new pg.Client(database.connection);
  const target = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
  const proxy = await tcpProxy(target);
  const through = { host: '127.0.0.1', port: proxy.port, user, password: password ?? '', database: name };
  const upgraded = Promise.allSettled([upgrade(await migration(through))]);
  await until("wait_event = 'PgSleep'");
  await proxy.close();
  expect(await upgraded).toMatchObject([{ status: 'rejected' }]);
  await database.query('set lock_timeout to 10000; select id from one');
}, 30_000);

test('one that says nothing any more, but whose connection stands, keeps its tables for half a minute at most', async () => {
  await files.add(
    TWO,
    "create table seen as select current_setting('idle_in_transaction_session_timeout')",
    'select 1',
  );
  await upgrade(await migration());
  expect(await database.query('table seen')).toEqual([{ current_setting: '30s' }]);
});
