import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkDatabase } from '../../src/platform/migrations/check.ts';
import { downgrade } from '../../src/platform/migrations/downgrade.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { type EmptyDatabase, migratedDatabase, migrationOf, onServer } from './support.ts';

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

const migration = async (serviceRole: string | null = null) => ({
  ...(await migrationOf(database)),
  serviceRole,
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

test('a lesser role of the service can neither change nor remove what is in them', async () => {
  const role = `kept_test_${randomBytes(4).toString('hex')}`;
  await onServer(async client => void (await client.query(`create role ${role}`)));
  try {
    await upgrade(await migration(role));
    const rights = await database.query(
      `select privilege_type from information_schema.role_table_grants where grantee = $1 and table_name = $2`,
      [role, KEPT],
    );
    expect(rights).toEqual([]);
  } finally {
    await database.query(`drop owned by ${role}`);
    await onServer(async client => void (await client.query(`drop role ${role}`)));
  }
});
