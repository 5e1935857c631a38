import type { ClientBase } from 'pg';

/**
 * The time limits that this server knows (`transaction_timeout` from PostgreSQL 17 on). Limits set for the role, the
 * database or the URL are meant for the service: here they would cut short the wait for another process or a long revision,
 * and end a connection that waits while another one works.
 */
export async function timeLimits(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select name from pg_settings
      where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout') order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Lifts these limits from this connection. */
export async function liftTimeLimits(client: ClientBase): Promise<void> {
  const limits = await timeLimits(client);
  await client.query(limits.map(name => `set ${name} = 0`).join('; '));
}
