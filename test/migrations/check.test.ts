import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCatalogue } from '../../src/platform/migrations/catalogue.ts';
import { compareCatalogues } from '../../src/platform/migrations/catalogue-comparison.ts';
import { checkDatabase } from '../../src/platform/migrations/check.ts';
import { downgrade } from '../../src/platform/migrations/downgrade.ts';
import { ensureSchema } from '../../src/platform/migrations/ensure-schema.ts';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import {
  type EmptyDatabase,
  emptyDatabase,
  hurry,
  migratedDatabase,
  migrationOf,
  on,
  onServer,
  revisionsFolder,
  withDatabase,
} from './support.ts';

let database: EmptyDatabase;

const migration = async (serviceRole: string | null = null) => ({
  ...(await migrationOf(database)),
  serviceRole,
});
const catalogue = () => on(database.connection.connectionString, readCatalogue);
/** What the comparison says of a change, which is then taken back. */
const faultsAfter = (change: string): Promise<readonly string[]> =>
  on(database.connection.connectionString, async client => {
    const expected = await readCatalogue(client);
    await client.query(`begin; ${change}`);
    return compareCatalogues(expected, await readCatalogue(client), new Date());
  });

describe('the revisions of this repository', () => {
  beforeAll(async () => {
    database = await emptyDatabase();
  });
  afterAll(() => database.close());

  it('leave an identical catalogue after up, down and up again, and nothing after down', async () => {
    await upgrade(await migration());
    const first = await catalogue();
    await downgrade(await migration(), 'base');
    expect([...(await catalogue()).objects.keys()]).toEqual([]);
    await upgrade(await migration());
    const again = await catalogue();
    expect(again.objects).toEqual(first.objects);
    expect(again.partitions).toEqual(first.partitions);
    expect(first.objects.get('column users.email')).toBe('text not null');
    expect(first.objects.get('table users')).toBe('with (fillfactor=85)');
  });
});

describe('check', () => {
  beforeAll(async () => {
    database = await migratedDatabase();
  });
  afterAll(() => database.close());

  it('finds nothing in a fresh database, and leaves nothing in it', async () => {
    const before = await catalogue();
    expect(await checkDatabase(await migration())).toEqual({ faults: [], warnings: [] });
    expect(await catalogue()).toEqual(before);
    expect(await database.query("select from pg_namespace where nspname like 'scratch%'")).toEqual([]);
  });

  it.each([
    [
      'drop trigger audit_batches_append_only on audit_batches',
      'trigger audit_batches.audit_batches_append_only is missing',
    ],
    [
      'alter table audit_batches disable trigger audit_batches_append_only',
      'trigger audit_batches.audit_batches_append_only differs',
    ],
    [
      'alter domain audit_outcome drop constraint audit_outcome_check',
      'type audit_outcome differs: expected "text CHECK',
    ],
    [
      'drop table audit_events_default',
      'partition audit_events_default of audit_events is missing (DEFAULT)',
    ],
    [
      'drop trigger audit_events_default_no_truncate on audit_events_default',
      'partition audit_events_default is shaped unlike',
    ],
    [
      'grant delete on audit_events to public',
      'grant audit_events to PUBLIC is not in any revision: "DELETE"',
    ],
    ['grant delete on audit_events_default to public', 'grant audit_events_default to PUBLIC: DELETE'],
    [
      'grant select (hash) on passwords to public',
      'grant passwords.hash to PUBLIC is not in any revision: "SELECT"',
    ],
    ['revoke update on audit_batches from current_user', 'grant audit_batches to its owner differs'],
    ['alter table users drop column phone_number', 'column users.phone_number is missing'],
    ['alter table users add column nickname text', 'column users.nickname is not in any revision: "text"'],
    [
      'alter table sessions alter amr type varchar[]',
      'column sessions.amr differs: expected "text[] not null"',
    ],
    [
      'alter table sessions reset (fillfactor)',
      'table sessions differs: expected "with (fillfactor=70)", found ""',
    ],
    ['drop index sessions_user_id_idx', 'index sessions_user_id_idx is missing'],
    [
      'alter table identifiers drop constraint identifiers_kind_check',
      'constraint identifiers.identifiers_kind_check is missing',
    ],
    ['drop table identities', 'table identities is missing'],
    ['alter table sessions disable trigger all', 'ON DELETE CASCADE (its triggers are not on)"'],
    [
      'alter table audit_events_default set unlogged',
      'partition audit_events_default is shaped unlike its parent: has "persistence u"',
    ],
    ['create table left_over (id int primary key)', 'table left_over is not in any revision'],
    ['create view everybody as select email from users', 'view everybody is not in any revision'],
    [
      "create or replace function refuse_change() returns trigger language plpgsql as 'begin return null; end'",
      'function refuse_change() differs',
    ],
    [
      'alter function ensure_audit_partition(date) security invoker',
      'function ensure_audit_partition(date) differs',
    ],
  ])('catches: %s', async (change, fault) => {
    const faults = await faultsAfter(change);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(fault);
  });

  it('takes its time, whatever the limits of the role', async () => {
    await database.query(hurry(`database ${database.name}`, 50));
    try {
      expect(await checkDatabase(await migration())).toEqual({ faults: [], warnings: [] });
    } finally {
      await database.query(`alter database ${database.name} reset all`);
    }
  });

  it('misses the partition of the present month', async () => {
    const [month] = await database.query<{ name: string }>(
      "select 'audit_events_' || to_char(now() at time zone 'UTC', 'YYYYMM') as name",
    );
    const faults = await faultsAfter(`drop table ${month?.name}`);
    expect(faults).toEqual([expect.stringContaining(`partition ${month?.name} of audit_events is missing`)]);
  });

  it('misses it whatever the database is set to write times as', async () => {
    const other = await migratedDatabase();
    try {
      await other.query(`alter database ${other.name} set datestyle to German`);
      await other.query(`drop table audit_events_${new Date().toISOString().slice(0, 7).replace('-', '')}`);
      const { faults } = await checkDatabase({ ...(await migration()), connection: other.connection });
      expect(faults).toEqual([expect.stringContaining('is missing')]);
    } finally {
      await other.close();
    }
  });

  it('accepts a later epoch of the trail, and no other change of what tells it', async () => {
    const restored = `insert into audit_events (id, created_at, transaction_id, type, outcome, actor_kind)
      values (gen_random_uuid(), now(), '1000000000000', 'user.updated', 'success', 'system')`;
    expect(await faultsAfter(`${restored}; select begin_audit_epoch(2)`)).toEqual([]);
    const other = `create or replace function audit_epoch() returns integer language sql stable as 'select 12 / 2'`;
    expect(await faultsAfter(other)).toEqual([
      expect.stringContaining('function audit_epoch() differs: expected'),
    ]);
  });

  it('accepts the partitions that time brings and takes', async () => {
    expect(await faultsAfter("select ensure_audit_partition('2031-01-01')")).toEqual([]);
    const [last] = await database.query<{ name: string }>(
      "select 'audit_events_' || to_char(now() at time zone 'UTC' + interval '2 months', 'YYYYMM') as name",
    );
    expect(await faultsAfter(`drop table ${last?.name}`)).toEqual([]);
  });
});

describe('check, on the whole', () => {
  beforeAll(async () => {
    database = await migratedDatabase();
  });
  afterAll(() => database.close());

  it('builds the revisions anew to find what is wrong, and finds a database that is behind', async () => {
    await database.query('drop trigger audit_batches_append_only on audit_batches');
    expect((await checkDatabase(await migration())).faults).toEqual([
      'trigger audit_batches.audit_batches_append_only is missing',
    ]);
    await downgrade(await migration(), 'base');
    expect((await checkDatabase(await migration())).faults).toEqual(
      (await readRevisions()).map(({ id }) => `revision ${id} is not applied`),
    );
  });
});

describe('a service with a role of its own', () => {
  const role = `entrecore_service_${process.pid}`;
  beforeAll(async () => {
    database = await migratedDatabase();
    await onServer(client => client.query(`create role ${role} login password 'service'`));
  });
  afterAll(async () => {
    await database.close();
    await onServer(client => client.query(`drop role ${role}`));
  });
  const asService = (statement: string) =>
    on(withDatabase(database.name, role, 'service'), client => client.query(statement));

  it('has its rights on what a downgrade makes again', async () => {
    const other = await emptyDatabase();
    const files = await revisionsFolder({ copy: false });
    try {
      const table = 'create table notes (id uuid primary key)';
      await files.add('20260101000000_first', table, 'drop table notes');
      await files.add('20260102000000_without', 'drop table notes', table);
      const options = { ...(await migrationOf(other, files.folder)), serviceRole: role };
      await upgrade(options);
      await downgrade(options, '-1');
      const { faults } = await checkDatabase(options);
      expect(faults).toEqual(['revision 20260102000000_without is not applied']);
    } finally {
      await files.remove();
      await other.close();
    }
  });

  it('gets its rights in a schema of whatever name', async () => {
    const other = await emptyDatabase();
    try {
      await other.query(`create schema "My App"; alter database ${other.name} set search_path to "My App"`);
      const options = { ...(await migration(role)), connection: other.connection };
      await upgrade(options);
      expect((await checkDatabase(options)).faults).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('may do its work, and on the audit trail nothing but add and read', async () => {
    await upgrade(await migration(role));
    await asService('delete from users');
    await asService('select * from schema_revisions');
    await asService("update roles set mfa_required = true where name = 'admin'");
    await asService("select ensure_audit_partition('2031-01-01')");
    await asService(`insert into audit_events (id, created_at, type, outcome, actor_kind)
      values (gen_random_uuid(), now(), 'login.succeeded', 'success', 'user')`);
    for (const forbidden of [
      'update audit_events set type = type',
      'delete from audit_events',
      'truncate audit_events',
      'delete from audit_events_default',
      'insert into audit_events_default select * from audit_events',
      'delete from audit_batches',
      'delete from audit_prunings',
      'alter table audit_events disable trigger all',
      'drop table audit_events_default',
      'insert into schema_revisions (id, checksum) values (1, 1)',
      'update role_versions set version = gen_random_uuid()',
      'create table mine (id int)',
      'truncate users',
    ]) {
      await expect(asService(forbidden), forbidden).rejects.toThrow(/permission denied|must be owner/);
    }
  });

  it('has nothing of its own run with the rights of the owner in the place of what is meant', async () => {
    await upgrade(await migration(role));
    const [before] = await database.query<{ version: string }>('select version from role_versions');
    const { rows } = await on(withDatabase(database.name, role, 'service'), async client => {
      await client.query(
        `create temp table audit_events_default as select timestamptz '2033-02-03' as created_at`,
      );
      await client.query('create temp table role_versions (version uuid)');
      await client.query('grant all on audit_events_default, role_versions to public');
      await client.query("update roles set mfa_required = true where name = 'admin'");
      return client.query("select ensure_audit_partition('2033-02-01') as made");
    });
    // It would have found an event of that month in a table that is not the trail's.
    expect(rows).toEqual([{ made: true }]);
    const [after] = await database.query<{ version: string }>('select version from role_versions');
    expect(after?.version).not.toBe(before?.version);
    const paths = await database.query(`
      select distinct proconfig from pg_proc where prosecdef and pronamespace = 'public'::regnamespace`);
    expect(paths).toEqual([{ proconfig: ['search_path=public, pg_temp'] }]);
  });

  it('loses what it may create in the schema beside the rest', async () => {
    await database.query(`grant create on schema public to ${role}`);
    await upgrade(await migration(role));
    await expect(asService('create table mine (id int)')).rejects.toThrow('permission denied');
  });

  it('may not migrate, and is told who may', async () => {
    await upgrade(await migration(role));
    const connection = { connectionString: withDatabase(database.name, role, 'service') };
    const asServiceRole = { ...(await migration()), connection };
    await expect(upgrade(asServiceRole)).rejects.toThrow('MIGRATE_DATABASE_URL');
    await expect(downgrade(asServiceRole, 'base')).rejects.toThrow('MIGRATE_DATABASE_URL');
  });

  it('may not compare the catalogue, and is told so after what it could find', async () => {
    await downgrade(await migration(role), '-1');
    const connection = { connectionString: withDatabase(database.name, role, 'service') };
    expect(await checkDatabase({ ...(await migration()), connection })).toEqual({
      faults: [
        expect.stringMatching(/^revision \d{14}_\w+ is not applied$/),
        expect.stringMatching(/^The catalogue was not compared: .* Set MIGRATE_DATABASE_URL to the role/),
      ],
      warnings: [],
    });
  });

  it('starts on a schema that the owner brings to head for it', async () => {
    await downgrade(await migration(), 'base');
    await ensureSchema({
      connection: { connectionString: withDatabase(database.name, role, 'service') },
      migrateConnection: database.connection,
      migrateOnStart: true,
      say: () => {},
    });
    expect((await checkDatabase(await migration(role))).faults).toEqual([]);
  });

  it('starts while another replica brings an empty database to head', async () => {
    const empty = await emptyDatabase();
    const start = () =>
      ensureSchema({
        connection: { connectionString: withDatabase(empty.name, role, 'service') },
        migrateConnection: empty.connection,
        migrateOnStart: true,
        say: () => {},
      });
    const waiting = async (least: number) => {
      const query = `select from pg_stat_activity where datname = '${empty.name}' and wait_event_type = 'Lock'`;
      while ((await empty.query(query)).length < least) await sleep(20);
    };
    try {
      await on(empty.connection.connectionString, async holder => {
        // The first revision waits for this name.
        await holder.query('begin; create table users ()');
        const first = start();
        await waiting(1);
        const second = start();
        const both = Promise.allSettled([first, second]);
        await Promise.race([both, waiting(2)]);
        await holder.query('rollback');
        expect(await both).toEqual([
          { status: 'fulfilled', value: undefined },
          { status: 'fulfilled', value: undefined },
        ]);
      });
    } finally {
      await empty.close();
    }
  });

  it('does not start where the owner would bring another database to head, and leaves that one alone', async () => {
    await downgrade(await migration(), 'base');
    const other = await emptyDatabase();
    const options = { migrateOnStart: true, say: () => {} };
    const connection = { connectionString: withDatabase(database.name, role, 'service') };
    try {
      await expect(
        ensureSchema({ ...options, connection, migrateConnection: other.connection }),
      ).rejects.toThrow(
        `MIGRATE_DATABASE_URL leads to the database "${other.name}" (schema "public"), and DATABASE_URL, or DB_*, to the database "${database.name}" (schema "public"). Let both name the same one`,
      );
      expect(await other.query("select from pg_tables where schemaname = 'public'")).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('is told that the database takes no writes, whatever wants to write there', async () => {
    await downgrade(await migration(), 'base');
    const readOnly = { ...database.connection, options: '-c default_transaction_read_only=on' };
    const asReader = { ...(await migration()), connection: readOnly };
    await expect(upgrade(asReader)).rejects.toThrow(
      /^The database takes no writes: it is a standby, or default/,
    );
    expect((await checkDatabase(asReader)).faults.at(-1)).toMatch(/^The database takes no writes/);
  });

  it('is caught by the check when somebody gave it more, and set right by the next upgrade', async () => {
    await upgrade(await migration(role));
    expect((await checkDatabase(await migration(role))).faults).toEqual([]);
    await database.query(`grant delete on audit_events to ${role}`);
    expect((await checkDatabase(await migration(role))).faults).toEqual([
      `grant audit_events to ${role} differs: expected "INSERT, SELECT", found "DELETE, INSERT, SELECT"`,
    ]);
    await upgrade(await migration(role));
    expect((await checkDatabase(await migration(role))).faults).toEqual([]);
  });

  it('is caught as well when it may create in the schema, or write which revisions are applied, or not see them', async () => {
    await upgrade(await migration(role));
    await database.query(`grant create on schema public to ${role}`);
    await database.query(`grant delete on schema_revisions to ${role}`);
    expect((await checkDatabase(await migration(role))).faults).toEqual([
      `grant on the schema to ${role} differs: expected "USAGE", found "CREATE, USAGE"`,
      `grant on the version table to ${role} differs: expected "SELECT", found "DELETE, SELECT"`,
    ]);
    await database.query('grant insert on schema_revisions to public');
    await database.query(`grant update (checksum) on schema_revisions to ${role}`);
    await database.query(`revoke create on schema public from ${role}`);
    await database.query(`revoke delete on schema_revisions from ${role}`);
    expect((await checkDatabase(await migration(role))).faults).toEqual([
      `grant on the version table (checksum) to ${role} is not in any revision: "UPDATE"`,
      'grant on the version table to PUBLIC is not in any revision: "INSERT"',
    ]);
    await database.query(
      `revoke all on schema public from ${role}; revoke all on schema_revisions from ${role}, public`,
    );
    expect((await checkDatabase(await migration(role))).faults).toEqual([
      `grant on the schema to ${role} is missing`,
      `grant on the version table to ${role} is missing`,
    ]);
    await upgrade(await migration(role));
    expect((await checkDatabase(await migration(role))).faults).toEqual([]);
  });

  it('is caught when it owns a month of the trail, on which it could then do everything', async () => {
    await upgrade(await migration(role));
    await database.query(`alter table audit_events_default owner to ${role}`);
    expect((await checkDatabase(await migration(role))).faults).toEqual([
      `partition audit_events_default is shaped unlike its parent: has "owner ${role}"`,
    ]);
    await database.query('alter table audit_events_default owner to current_user');
  });

  it('leaves the right to create in the schema to whoever migrates, given to that role or to a group of it', async () => {
    const owner = `entrecore_owner_${process.pid}`;
    const other = await emptyDatabase();
    try {
      await other.query(`create role ${owner} login password 'owner'; create role ${owner}s role ${owner}`);
      await other.query(`grant create on schema public to ${owner}, ${owner}s`);
      const connection = { connectionString: withDatabase(other.name, owner, 'owner') };
      await other.query(`grant create on database ${other.name} to ${owner}`);
      await upgrade({ ...(await migration()), connection });
      expect(await checkDatabase({ ...(await migration()), connection })).toEqual({
        faults: [],
        warnings: [],
      });
    } finally {
      await other.close();
      await onServer(client => client.query(`drop role if exists ${owner}s, ${owner}`));
    }
  });

  it('is caught as well where the role that migrates made it, and may give it to others', async () => {
    const owner = `entrecore_owner_${process.pid}`;
    const made = `entrecore_made_${process.pid}`;
    const other = await emptyDatabase();
    try {
      await other.query(`create role ${owner} login createrole password 'owner'`);
      await other.query(`alter database ${other.name} owner to ${owner}`);
      const connection = { connectionString: withDatabase(other.name, owner, 'owner') };
      await on(connection.connectionString, client => client.query(`create role ${made}`));
      const options = { ...(await migration(made)), connection };
      await upgrade(options);
      await other.query(`grant create on schema public to ${made}`);
      expect((await checkDatabase(options)).faults).toEqual([
        `grant on the schema to ${made} differs: expected "USAGE", found "CREATE, USAGE"`,
      ]);
    } finally {
      await other.close();
      await onServer(client => client.query(`drop role if exists ${made}, ${owner}`));
    }
  });

  it('is caught as well when it may create in the schema as everybody may, or as the owner of the database', async () => {
    const fault = `${role} may create in the schema, by a right that is not granted to it by name`;
    const other = await emptyDatabase();
    try {
      const options = { ...(await migration(role)), connection: other.connection };
      await upgrade(options);
      await other.query('grant create on schema public to public');
      expect((await checkDatabase(options)).faults).toEqual([fault]);
      await other.query('revoke create on schema public from public');
      expect((await checkDatabase(options)).faults).toEqual([]);
      await other.query(`alter database ${other.name} owner to ${role}`);
      expect((await checkDatabase(options)).faults).toEqual([fault]);
    } finally {
      await other.close();
    }
  });

  it('is told of what somebody else owns, since the next revision could not change it', async () => {
    const owner = `entrecore_owner_${process.pid}`;
    const other = await emptyDatabase();
    try {
      await other.query(`create role ${owner} login password 'owner'; create role ${owner}_else`);
      await other.query(`alter database ${other.name} owner to ${owner}`);
      const options = {
        ...(await migration(role)),
        connection: { connectionString: withDatabase(other.name, owner, 'owner') },
      };
      await upgrade(options);
      await other.query(
        `alter table sessions owner to ${owner}_else; alter function refuse_change() owner to ${owner}_else;
        alter domain audit_outcome owner to ${owner}_else`,
      );
      expect((await checkDatabase(options)).faults).toEqual([
        expect.stringMatching(`^function refuse_change\\(\\) differs: .* owned by ${owner}_else"$`),
        `table sessions differs: expected "with (fillfactor=70)", found "with (fillfactor=70) owned by ${owner}_else"`,
        expect.stringMatching(`^type audit_outcome differs: .* owned by ${owner}_else"$`),
      ]);
      // A group that it belongs to owns nothing too much.
      await other.query(`grant ${owner}_else to ${owner}`);
      expect((await checkDatabase(options)).faults).toEqual([]);
    } finally {
      await other.close();
      await onServer(client => client.query(`drop role if exists ${owner}_else, ${owner}`));
    }
  });
});
