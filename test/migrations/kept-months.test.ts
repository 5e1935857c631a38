import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkDatabase } from '../../src/platform/migrations/check.ts';
import { downgrade } from '../../src/platform/migrations/downgrade.ts';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { type EmptyDatabase, migratedDatabase } from './support.ts';

// Months that retention took out of the trail and kept, as `audit prune --keep-tables` does.

const KEPT = 'audit_events_203001';

let database: EmptyDatabase;
beforeEach(async () => {
  database = await migratedDatabase();
  await database.query("select ensure_audit_partition('2030-01-01')");
  await database.query(`insert into audit_events (id, created_at, type, outcome, actor_kind)
    values (gen_random_uuid(), '2030-01-10', 'login.succeeded', 'success', 'user')`);
  await database.query(`alter table audit_events detach partition ${KEPT}`);
});
afterEach(() => database.close());

const migration = async () => ({
  connection: database.connection,
  revisions: await readRevisions(),
  say: () => {},
});

test('the check finds nothing wrong with them, and something with a table that only resembles them', async () => {
  expect((await checkDatabase(await migration())).faults).toEqual([]);
  await database.query('create table audit_batches_203001 ()');
  expect((await checkDatabase(await migration())).faults).toEqual([
    'table audit_batches_203001 is not in any revision',
  ]);
});

test('the way back to nothing is open, and leaves them with their rows', async () => {
  await downgrade(await migration(), 'base');
  expect(await database.query(`select type, outcome, actor_kind from ${KEPT}`)).toEqual([
    { type: 'login.succeeded', outcome: 'success', actor_kind: 'user' },
  ]);
  await upgrade(await migration());
  expect((await checkDatabase(await migration())).faults).toEqual([]);
});
