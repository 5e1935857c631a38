import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Ending } from '../ending.ts';
import { connect, type Say } from './connect.ts';
import { MigrationError } from './migration-error.ts';
import { refuseReadOnly } from './read-only.ts';
import { liftTimeLimits, timeLimits } from './time-limits.ts';

export type ScratchConnection = Pick<pg.Client, 'host' | 'port' | 'database'> & {
  readonly user?: string;
  readonly password?: string;
  readonly ssl?: pg.ClientConfig['ssl'];
};

export interface ScratchOptions {
  /** As whom the database is made: a role with CREATEDB. */
  readonly connection: pg.ClientConfig;
  readonly say: Say;
  /** How the process may end before the work is done; then, too, the database is dropped. */
  readonly ending?: Ending | undefined;
}

const PREFIX = 'entrecore_scratch_';
// A server that went away must not keep the process.
const DROP_PATIENCE_MS = 10_000;

/**
 * Makes an empty database on the same server, for `work`, and drops it. Those that an earlier process could not drop any
 * more are dropped as well. The role needs CREATEDB.
 */
export async function withScratchDatabase<T>(
  { connection, say, ending }: ScratchOptions,
  work: (client: pg.Client, connection: ScratchConnection) => Promise<T>,
): Promise<T> {
  const name = `${PREFIX}${randomBytes(6).toString('hex')}`;
  const admin = await connect(connection, say, { signal: ending?.signal });
  let dropping: Promise<unknown> | null = null;
  const drop = () => (dropping ??= admin.query(`drop database if exists ${name} with (force)`));
  // What was asked of the server is done although nobody waits for it.
  ending?.before(() => Promise.race([drop(), sleep(DROP_PATIENCE_MS)]));
  try {
    // By this name others see, from before it is made until after it is dropped, that the database is in use.
    await admin.query(`set application_name to ${name}`);
    await liftTimeLimits(admin);
    await dropAbandoned(admin);
    await admin.query(`create database ${name} template template0`).catch(explain);
    // The role's own path may begin with a schema that is not there, and its time limits are meant for its service.
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

// The databases are read before the connections are, and whoever makes one is connected under its name by then: what is
// found here is nobody's any more.
async function dropAbandoned(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `select datname as name from pg_database where starts_with(datname, $1) and not exists
    (select from pg_stat_activity where pg_database.datname in (pg_stat_activity.datname, application_name))`,
    [PREFIX],
  );
  // What cannot be dropped belongs to another role, or another process was faster.
  for (const { name } of rows)
    await admin.query(`drop database ${pg.escapeIdentifier(name)}`).catch(() => {});
}

function explain(error: unknown): never {
  refuseReadOnly(error);
  if (error instanceof pg.DatabaseError && error.code === '42501') {
    throw new MigrationError(
      'The schema in code was not compared: it is built in a scratch database, for which this role needs CREATEDB ' +
        '(alter role … createdb). Where the development dependencies are absent, "check" does without',
      { cause: error },
    );
  }
  throw error;
}
