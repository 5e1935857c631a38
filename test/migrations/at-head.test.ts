import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Db, openDatabase } from '../../src/platform/database.ts';
import { downgrade } from '../../src/platform/migrations/downgrade.ts';
import { isAtHead } from '../../src/platform/migrations/ensure-schema.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { type EmptyDatabase, emptyDatabase, migrationOf, revisionsFolder } from './support.ts';

const ONE = '20260101000000_one';
const TWO = '20260102000000_two';

let database: EmptyDatabase;
let files: Awaited<ReturnType<typeof revisionsFolder>>;
let db: Db;

beforeEach(async () => {
  database = await emptyDatabase();
  files = await revisionsFolder({ copy: false });
  await files.add(ONE, 'create table one (id int)', 'drop table one');
  await files.add(TWO, 'create table two (id int)', 'drop table two');
  db = openDatabase({ connection: database.connection, poolMax: 1, prepare: true });
});
afterEach(async () => {
  await db.close();
  await database.close();
  await files.remove();
});

const migration = () => migrationOf(database, files.folder);
const look = () => isAtHead(db, files);

test('at head are the very revisions of this program, no fewer, no more and none edited', async () => {
  expect(await look()).toBe(false);
  await upgrade(await migration(), '+1');
  expect(await look()).toBe(false);
  await upgrade(await migration());
  expect(await look()).toBe(true);
  await files.add(TWO, 'create table two (id bigint)', 'drop table two');
  expect(await look()).toBe(false);
  await files.add(TWO, 'create table two (id int)', 'drop table two');
  await downgrade(await migration(), '-1');
  expect(await look()).toBe(false);
  await upgrade(await migration());
  await database.query("insert into schema_revisions values ('20260103000000_newer', '')");
  expect(await look()).toBe(false);
});

test('revisions in another schema of the search path are not those of this one', async () => {
  await upgrade(await migration());
  await database.query(
    `create schema tenant; alter database ${database.name} set search_path = tenant, public`,
  );
  const tenant = openDatabase({ connection: database.connection, poolMax: 1, prepare: true });
  expect(await isAtHead(tenant, files)).toBe(false);
  await tenant.close();
});

test('a database that cannot be reached is not at head: what keeps it is for ensureSchema to say', async () => {
  const away = openDatabase({ connection: { host: '127.0.0.1', port: 9 }, poolMax: 1, prepare: true });
  expect(await isAtHead(away, files)).toBe(false);
  await away.close();
});
