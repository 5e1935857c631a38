import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, it } from 'vitest';
import { withScratchDatabase } from '../../src/platform/migrations/scratch-database.ts';
import { hurry, onServer, withDatabase } from './support.ts';

const connection = { connectionString: withDatabase('postgres') };
const made = (name: string) =>
  onServer(
    async client => (await client.query('select from pg_database where datname = $1', [name])).rowCount === 1,
  );
const newName = () => `entrecore_scratch_${randomBytes(6).toString('hex')}`;

async function connected(settings: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(settings);
  await client.connect();
  return client;
}

it('drops its own, and those that nobody uses any more; those in use stay', async () => {
  const [abandoned, justMade, inUse] = [newName(), newName(), newName()];
  for (const name of [abandoned, justMade, inUse])
    await onServer(client => client.query(`create database ${name}`));
  // Of one that was made a moment ago, its maker alone is there, in another database.
  const maker = await connected({ ...connection, application_name: justMade });
  const user = await connected({ connectionString: withDatabase(inUse) });
  try {
    let own = '';
    await withScratchDatabase({ connection, say: () => {} }, async (_client, { database }) => {
      own = database ?? '';
      expect(await made(own)).toBe(true);
      // Another run meanwhile leaves it alone.
      await withScratchDatabase({ connection, say: () => {} }, async () => {});
      expect(await made(own)).toBe(true);
    });
    expect(await Promise.all([own, abandoned, justMade, inUse].map(made))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  } finally {
    await Promise.all([maker.end(), user.end()]);
    for (const name of [abandoned, justMade, inUse])
      await onServer(client => client.query(`drop database if exists ${name} with (force)`));
  }
}, 60_000);

it('builds in the schema that is there, wherever the role looks first', async () => {
  const role = `entrecore_elsewhere_${process.pid}`;
  await onServer(client =>
    client.query(`create role ${role} login createdb password 'elsewhere';
    alter role ${role} set search_path to app`),
  );
  try {
    const theirs = { connectionString: withDatabase('postgres', role, 'elsewhere') };
    const { rows } = await withScratchDatabase({ connection: theirs, say: () => {} }, async client => {
      await client.query('create table kept (id int)');
      return client.query(
        "select relnamespace::regnamespace::text as schema from pg_class where relname = 'kept'",
      );
    });
    expect(rows).toEqual([{ schema: 'public' }]);
  } finally {
    await onServer(client => client.query(`drop role ${role}`));
  }
});

it('sees those of many at once through, though each looks for abandoned ones', async () => {
  const names = await Promise.all(
    Array.from({ length: 8 }, () =>
      withScratchDatabase({ connection, say: () => {} }, async (client, { database }) => {
        await client.query('create table kept (id int)');
        return database;
      }),
    ),
  );
  expect(new Set(names).size).toBe(8);
  expect((await Promise.all(names.map(name => made(name ?? '')))).some(Boolean)).toBe(false);
});

it('takes its time, whatever the limits of the role', async () => {
  const role = `entrecore_hurried_${process.pid}`;
  await onServer(client =>
    client.query(`create role ${role} login createdb password 'hurried'; ${hurry(`role ${role}`, 100)}`),
  );
  try {
    const theirs = { connectionString: withDatabase('postgres', role, 'hurried') };
    const slow = withScratchDatabase({ connection: theirs, say: () => {} }, client =>
      client.query('select pg_sleep(0.2)'),
    );
    await expect(slow).resolves.toMatchObject({ rowCount: 1 });
  } finally {
    await onServer(client => client.query(`drop role ${role}`));
  }
});
