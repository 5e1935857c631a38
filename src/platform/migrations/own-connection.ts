import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type ConnectOptions, connect, type Say } from './connect.ts';
import { MigrationError } from './migration-error.ts';

/**
 * Opens one connection whose session is nobody else's: what is set there, and locked, ends with it. Refuses a pooler that gives
 * each transaction another connection (pgbouncer in transaction mode), where the next upgrade would wait for a lock that nobody
 * gives back, and the service would run without its time limits.
 */
export async function connectAlone(
  connection: pg.ClientConfig,
  say: Say,
  options?: ConnectOptions,
): Promise<pg.Client> {
  const client = await connect(connection, say, options);
  try {
    if ((await isPooled(client)) && (await isShared(client, await connect(connection, say, options))))
      throw new MigrationError(SHARED);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

const SHARED =
  'A pooler before the database gives each transaction another connection (pgbouncer in transaction mode), which keeps no lock ' +
  'and passes on what is set: let MIGRATE_DATABASE_URL name PostgreSQL itself, or a pool in session mode';

// A pooler names its own process to a client, not the server's.
async function isPooled(client: pg.Client): Promise<boolean> {
  const { processID } = client as pg.Client & { readonly processID: number | null };
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid !== processID;
}

// While others use the pooler, either of the two may by chance be given a connection of its own.
const LOOKS = 5;

// Where a pool in session mode has one connection, which is ours now, the other never gets its turn.
const PATIENCE_MS = 5_000;

async function isShared(client: pg.Client, other: pg.Client): Promise<boolean> {
  const mark = randomUUID();
  const markOf = async (one: pg.Client) => {
    const { rows } = await one.query<{ mark: string | null }>(
      "select current_setting('entrecore.session', true) as mark",
    );
    return rows[0]?.mark;
  };
  const meet = async () => {
    for (let look = 0; look < LOOKS; look++)
      if ((await markOf(other)) === mark || (await markOf(client)) !== mark) return true;
    return false;
  };
  try {
    await client.query("select set_config('entrecore.session', $1, false)", [mark]);
    return await Promise.race([meet(), sleep(PATIENCE_MS, false, { ref: false })]);
  } finally {
    await other.end().catch(() => {});
  }
}
