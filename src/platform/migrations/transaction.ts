import pg from 'pg';
import { MigrationError } from './migration-error.ts';

// A revision that waits for a table makes everybody behind it wait as well.
const LOCK_TIMEOUT = '10s';

/** Runs one direction of a revision together with its version row: both take effect, or neither. */
export async function inTransaction(
  client: pg.ClientBase,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  // Overrides the role's own level: a snapshot taken before the wait for a table would miss what was committed meanwhile.
  await client.query('begin isolation level read committed');
  try {
    await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    // Only this schema, so that a path that a function keeps (SET … FROM CURRENT) names nothing else. pg_temp is named last:
    // unnamed it would come first, and whoever calls a function with its owner's rights can create temporary objects.
    await client.query(
      "select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)",
    );
    await work();
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw explained(what, error);
  }
}

function explained(what: string, error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError)) return error;
  const waited = error.code === '55P03';
  const message = waited
    ? `a table that it changes was in use for ${LOCK_TIMEOUT}; try again`
    : [error.message, error.detail, error.hint, error.where].filter(Boolean).join('\n  ');
  return new MigrationError(`${what} failed and left nothing behind: ${message}`, { cause: error });
}
