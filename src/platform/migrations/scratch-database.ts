import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Ending } from '../ending.ts';
import { connect, type Say } from './connect.ts';
import { explaining } from './read-only.ts';
import { liftTimeLimits, timeLimits } from './time-limits.ts';

export type ScratchConnection = Pick<pg.Client, 'host' | 'port' | 'database'> & {
  readonly user?: string;
  readonly password?: string;
  readonly ssl?: pg.ClientConfig['ssl'];
};

export interface ScratchOptions {
  /** Of the role that creates the database, which needs CREATEDB. */
  readonly connection: pg.ClientConfig;
  readonly say: Say;
  /** How the command may end before the work is done; the database is dropped then, too. */
  readonly ending?: Ending | undefined;
}

const PREFIX = 'entrecore_scratch_';
// A server that went away must not keep the process from ending.
const DROP_PATIENCE_MS = 10_000;

/**
 * Creates an empty database on the same server for `work`, and drops it afterwards. Also drops those that earlier processes
 * left behind. The role needs CREATEDB.
 */
export async function withScratchDatabase<T>(
  { connection, say, ending }: ScratchOptions,
  work: (client: pg.Client, connection: ScratchConnection) => Promise<T>,
): Promise<T> {
  const name = `${PREFIX}${randomBytes(6).toString('hex')}`;
  const admin = await connect(connection, say, { signal: ending?.signal });
  let dropping: Promise<unknown> | null = null;
  const drop = () => (dropping ??= admin.query(`drop database if exists ${name} with (force)`));
  // Once asked, the server drops the database even if nobody waits for it.
  ending?.before(() => Promise.race([drop(), sleep(DROP_PATIENCE_MS)]));
  try {
    // This name tells other processes, from before the database is created until after it is dropped, that it is in use.
    await admin.query(`set application_name to ${name}`);
    await liftTimeLimits(admin);
    await dropAbandoned(admin);
    await admin.query(`create database ${name} template template0`).catch(explain);
    // The role's own path may begin with a schema that does not exist here, and its time limits are meant for the service.
    const unlimited = (await timeLimits(admin)).map(limit => `${limit} to 0`);
    for (const setting of ['search_path to public', ...unlimited])
      await admin.query(`alter role current_user in database ${name} set ${setting}`);
    const { host, port, user, ssl } = admin;
    const password = admin.password ?? undefined;
    const scratch = { host, port, database: name, user, password, ssl: ssl || undefined };
    const client = await connect(scratch, say, { signal: ending?.signal });
    try {
      return await work(client, scratch);
    } finally {
      await client.end();
    }
  } finally {
    await drop();
    await admin.end();
  }
}

// The query reads the databases before the connections, and whoever creates a database is connected under its name by then:
// what is found here is no longer in use.
async function dropAbandoned(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `select datname as name from pg_database where starts_with(datname, $1) and not exists
    (select from pg_stat_activity where pg_database.datname in (pg_stat_activity.datname, application_name))`,
    [PREFIX],
  );
  // A drop fails if the database belongs to another role, or if another process was faster.
  for (const { name } of rows)
    await admin.query(`drop database ${pg.escapeIdentifier(name)}`).catch(() => {});
}

const explain = explaining(
  () =>
    'The schema in code was not compared: it is built in a scratch database, for which this role needs CREATEDB ' +
    '(alter role … createdb). Where the development dependencies are absent, "check" does without',
);
