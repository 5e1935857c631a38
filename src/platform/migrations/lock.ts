import type pg from 'pg';
import type { Say } from './connect.ts';
import { connectAlone } from './own-connection.ts';
import { liftTimeLimits } from './time-limits.ts';

// "entrecor" in ASCII: no other program will take this advisory lock by accident.
const LOCK = '7308908137155817330';

/**
 * Runs `work` while no other process migrates this database. The lock belongs to the connection that does the work, so that
 * a broken connection ends both.
 */
export async function withMigrationLock<T>(
  { connection, say, signal }: { connection: pg.ClientConfig; say: Say; signal?: AbortSignal | undefined },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connectAlone(connection, say, { signal });
  try {
    await liftTimeLimits(client);
    await endWithUs(client);
    const { rows } = await client.query<{ free: boolean }>(`select pg_try_advisory_lock(${LOCK}) as free`);
    if (rows[0]?.free !== true) {
      say('another process is migrating this database: waiting for it');
      await client.query(`select pg_advisory_lock(${LOCK})`);
    }
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Without this, a killed process or a vanished machine would leave its tables locked until the statement under way has
 * ended, or for two hours, after which the server asks whether anybody is still there (tcp_keepalives_idle).
 */
async function endWithUs(client: pg.Client): Promise<void> {
  await client.query("set idle_in_transaction_session_timeout = '30s'");
  // Not every system that PostgreSQL runs on can tell that a client is gone.
  await client.query("set client_connection_check_interval = '2s'").catch(() => {});
}
