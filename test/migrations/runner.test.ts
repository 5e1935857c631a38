import { connect, createServer } from 'node:net';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDatabase } from '../../src/platform/migrations/check.ts';
import { downgrade } from '../../src/platform/migrations/downgrade.ts';
import { ensureSchema } from '../../src/platform/migrations/ensure-schema.ts';
import { findRevision, readRevisions } from '../../src/platform/migrations/revisions.ts';
import { faultOfEncoding } from '../../src/platform/migrations/unfit.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { freePort } from '../support/free-port.ts';
import { type EmptyDatabase, emptyDatabase, hurry, on, revisionsFolder } from './support.ts';

const ONE = '20260101000000_one';
const TWO = '20260102000000_two';
const THREE = '20260103000000_three';

let database: EmptyDatabase;
let files: Awaited<ReturnType<typeof revisionsFolder>>;
let said: string[];

beforeEach(async () => {
  database = await emptyDatabase();
  files = await revisionsFolder({ copy: false });
  said = [];
  await files.add(ONE, 'create table one (id int); insert into one values (1)', 'drop table one');
  await files.add(TWO, 'create table two (id int)', 'drop table two');
  await files.add(THREE, 'create table three (id int)', 'drop table three');
});
afterEach(async () => {
  await database.close();
  await files.remove();
});

const migration = async (folder = files.folder) => ({
  connection: database.connection,
  revisions: await readRevisions(folder),
  say: (message: string) => said.push(message),
});
const start = {
  migrateConnection: null,
  migrateOnStart: false,
  say: (message: string) => said.push(message),
};
const applied = async () =>
  (await database.query<{ id: string }>('select id from schema_revisions order by id')).map(({ id }) => id);
const tables = async () =>
  (
    await database.query<{ name: string }>(
      "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
    )
  ).map(({ name }) => name);

describe('upgrade and downgrade', () => {
  it('goes up to head, to a revision and by steps, and down the same ways', async () => {
    expect(await upgrade(await migration(), '+1')).toEqual([ONE]);
    expect(await upgrade(await migration(), '20260102')).toEqual([TWO]);
    expect(await upgrade(await migration())).toEqual([THREE]);
    expect(await upgrade(await migration())).toEqual([]);
    expect(await downgrade(await migration(), '-1')).toEqual([THREE]);
    expect(await downgrade(await migration(), 'one')).toEqual([TWO]);
    expect(await applied()).toEqual([ONE]);
    expect(await downgrade(await migration(), 'base')).toEqual([ONE]);
    expect(await tables()).toEqual(['schema_revisions']);
    expect(said.slice(0, 2)).toEqual([`Running upgrade  -> ${ONE}`, `Running upgrade ${ONE} -> ${TWO}`]);
  });

  it('refuses steps and revisions that do not exist, and does nothing', async () => {
    await expect(upgrade(await migration(), '+4')).rejects.toThrow(
      "Relative revision +4 didn't produce 4 migrations",
    );
    await expect(upgrade(await migration(), 'nonsense')).rejects.toThrow('Can\'t locate revision "nonsense"');
    await expect(downgrade(await migration(), '-1')).rejects.toThrow("didn't produce 1 migrations");
    expect(await tables()).toEqual(['schema_revisions']);
  });

  it('leaves nothing of a revision that fails, and keeps those before it', async () => {
    await files.add(
      TWO,
      'create table two (id int); insert into one values (2); select 1 / 0',
      'drop table two',
    );
    await expect(upgrade(await migration())).rejects.toThrow(
      `upgrade ${TWO} failed and left nothing behind: division by zero`,
    );
    expect(await applied()).toEqual([ONE]);
    expect(await tables()).toEqual(['one', 'schema_revisions']);
    expect(await database.query('select id from one')).toEqual([{ id: 1 }]);
  });

  it('applies once when eight processes upgrade at the same time', async () => {
    await files.add(
      ONE,
      'create table one (id int); select pg_sleep(0.3); insert into one values (1)',
      'drop table one',
    );
    const options = await migration();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => upgrade(options)));
    expect(outcomes.filter(ids => ids.length > 0)).toEqual([[ONE, TWO, THREE]]);
    expect(await database.query('select id from one')).toEqual([{ id: 1 }]);
    expect(said.filter(line => line.startsWith('another process is migrating'))).toHaveLength(7);
  });

  it('waits for another process, and for a long revision, beyond the timeouts of the role', async () => {
    await database.query(hurry(`database ${database.name}`, 150));
    await files.add(ONE, 'create table one (id int); select pg_sleep(0.4)', 'drop table one');
    const options = await migration();
    const outcomes = await Promise.all([upgrade(options), upgrade(options)]);
    expect(outcomes.flat()).toEqual([ONE, TWO, THREE]);
    expect(said).toContain('another process is migrating this database: waiting for it');
  });

  it('gives up on a table that somebody holds rather than queue everybody behind itself', async () => {
    await upgrade(await migration(), ONE);
    await files.add(TWO, "set local lock_timeout = '50ms'; alter table one add column extra int", 'select 1');
    const options = await migration();
    const holder = database.query('begin; select * from one; select pg_sleep(1); commit');
    await new Promise(resolve => setTimeout(resolve, 200));
    await expect(upgrade(options)).rejects.toThrow('a table that it changes was in use');
    await holder;
    expect(await applied()).toEqual([ONE]);
  });
});

describe('a database that another program has tables of our names in', () => {
  const message = (tables: string) =>
    `The database "${database.name}" belongs to another program: it has ${tables}, and none of our revisions. Create a database for this service alone, and set DB_NAME or DATABASE_URL`;

  it('is refused by whatever looks at it, and left as it was', async () => {
    await database.query('create table three (mine int); create table theirs (id int)');
    const options = { ...start, connection: database.connection, folder: files.folder };
    for (const look of [
      async () => upgrade(await migration(), '+1'),
      async () => downgrade(await migration(), 'base'),
      async () => checkDatabase(await migration()),
      () => ensureSchema(options),
      () => ensureSchema({ ...options, migrateOnStart: true }),
    ])
      await expect(look()).rejects.toThrow(message('a table three'));
    await database.query('create view one as select 1');
    await expect(upgrade(await migration())).rejects.toThrow(message('tables one, three'));
    expect(await tables()).toEqual(['theirs', 'three']);
  });

  it('is ours all the same where none of the names is in use', async () => {
    await database.query('create table theirs (id int); create schema old; create table old.one (id int)');
    expect(await upgrade(await migration())).toEqual([ONE, TWO, THREE]);
    await downgrade(await migration(), 'base');
    expect(await upgrade(await migration())).toEqual([ONE, TWO, THREE]);
  });
});

describe('a database that is not encoded in UTF-8', () => {
  it('is refused before it gets a revision, and told of by whoever looks at one that has some', async () => {
    const latin = await emptyDatabase("encoding 'LATIN1' locale 'C'");
    try {
      const message = `The database "${latin.name}" is encoded in LATIN1, in which not every name can be stored. Create one in UTF-8`;
      await expect(upgrade({ ...(await migration()), connection: latin.connection })).rejects.toThrow(
        message,
      );
      expect(await latin.query("select from pg_tables where schemaname = 'public'")).toEqual([]);
      await latin.query('create table schema_revisions (id text, checksum text, applied_at timestamptz)');
      const fault = await on(latin.connection.connectionString, faultOfEncoding);
      expect(fault).toContain(message);
    } finally {
      await latin.close();
    }
  });
});

describe('a start of the service', () => {
  it('refuses a schema that is behind, and upgrades it where it may', async () => {
    const options = { ...start, connection: database.connection, folder: files.folder };
    await expect(ensureSchema(options)).rejects.toThrow('The database is 3 revisions behind this program');
    expect(await tables()).toEqual([]);
    await ensureSchema({ ...options, migrateOnStart: true });
    await ensureSchema(options);
    expect(await applied()).toEqual([ONE, TWO, THREE]);
  });

  it('refuses a schema that is ahead of the program', async () => {
    await upgrade(await migration());
    const older = await revisionsFolder({ copy: false });
    await older.add(ONE, 'select 1', 'select 1');
    const options = { ...start, connection: database.connection, folder: older.folder, migrateOnStart: true };
    await expect(ensureSchema(options)).rejects.toThrow(`The database has revision ${TWO}, ${THREE}, which`);
    await older.remove();
  });

  it('refuses a revision that was slipped in before one that is applied', async () => {
    await upgrade(await migration());
    await files.add('20260102120000_late', 'select 1', 'select 1');
    await expect(upgrade(await migration())).rejects.toThrow(
      `Revision 20260102120000_late is older than ${THREE}, which is applied already`,
    );
  });

  it('warns of a revision whose file was edited after it was applied', async () => {
    await upgrade(await migration());
    await files.add(TWO, 'create table two (id bigint)', 'drop table two');
    await ensureSchema({ ...start, connection: database.connection, folder: files.folder });
    expect(said).toContain(`warning: the file of revision ${TWO} was edited after it was applied here`);
  });

  it('waits for a database that is not there yet, says so, and gives up in bounded time', async () => {
    const port = await freePort();
    const options = { ...start, connection: { host: '127.0.0.1', port, user: 'postgres' }, waitSeconds: 1 };
    await expect(ensureSchema(options)).rejects.toThrow(`No database at 127.0.0.1:${port} after 1 s`);
    expect(said).toEqual([expect.stringContaining(`waiting for the database at 127.0.0.1:${port}`)]);
  });

  it('goes on as soon as a booting server (57P03) serves', async () => {
    // What PostgreSQL answers while it starts up, once; then the connection is passed on to the real server.
    const { host, port, user, password, database: name } = new pg.Client(database.connection);
    const upstream = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
    let refusals = 0;
    const proxy = createServer(socket => {
      if (refusals++ < 2) {
        socket.once('data', () => socket.end(errorResponse('57P03', 'the database system is starting up')));
        return;
      }
      const server = connect(upstream);
      server.on('error', () => socket.destroy());
      socket.on('error', () => server.destroy());
      socket.pipe(server).pipe(socket);
    });
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve));
    const proxyPort = (proxy.address() as { port: number }).port;
    await ensureSchema({
      ...start,
      connection: {
        host: '127.0.0.1',
        port: proxyPort,
        user,
        password: password ?? undefined,
        database: name,
      },
      migrateOnStart: true,
      folder: files.folder,
    });
    proxy.close();
    expect(said[0]).toContain('the database system is starting up');
    expect(await applied()).toEqual([ONE, TWO, THREE]);
  });

  it('says how to create a database that does not exist', async () => {
    const url = new URL(database.connection.connectionString);
    url.pathname = '/no_such_database';
    await expect(ensureSchema({ ...start, connection: { connectionString: url.href } })).rejects.toThrow(
      /There is no database "no_such_database".*createdb -h .* no_such_database/,
    );
  });
});

describe('names of revisions', () => {
  it('are understood by unambiguous beginnings', async () => {
    const revisions = await readRevisions(files.folder);
    expect(findRevision(revisions, THREE)).toBe(2);
    expect(findRevision(revisions, '20260103')).toBe(2);
    expect(findRevision(revisions, 'thr')).toBe(2);
    expect(() => findRevision(revisions, 't')).toThrow(`"t" could be any of ${TWO}, ${THREE}`);
  });

  it('are refused when half of a pair is missing or the name is another', async () => {
    const { writeFile, rm } = await import('node:fs/promises');
    await rm(new URL(`${TWO}.down.sql`, files.folder));
    await expect(readRevisions(files.folder)).rejects.toThrow(`${TWO}.down.sql is missing`);
    await writeFile(new URL(`${TWO}.down.sql`, files.folder), '');
    await writeFile(new URL('four.up.sql', files.folder), '');
    await expect(readRevisions(files.folder)).rejects.toThrow('four: a revision is named');
  });
});

/** An ErrorResponse of the PostgreSQL protocol. */
function errorResponse(code: string, message: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
