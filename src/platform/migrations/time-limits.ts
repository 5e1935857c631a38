import type { ClientBase } from 'pg';

/**
 * The limits to time that this server knows (`transaction_timeout` from PostgreSQL 17 on). Those of the role, the database or
 * the URL are meant for the service: they would cut the wait for another process and a long revision short,
 * and end a connection that waits while another one works.
 */
export async function timeLimits(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select name from pg_settings
      where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout') order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Lifts them from this connection. */
export async function liftTimeLimits(client: ClientBase): Promise<void> {
  const limits = await timeLimits(client);
  await client.query(limits.map(name => `set ${name} = 0`).join('; '));
}
