import pg from 'pg';
import { MigrationError } from './migration-error.ts';

/** What to do about a server or a role that takes no writes. */
export const READ_ONLY =
  'The database takes no writes: it is a standby, or default_transaction_read_only is on. Let DATABASE_URL, or DB_HOST ' +
  '(and MIGRATE_DATABASE_URL, where it is set), name the primary, or switch that off for the role';

/**
 * For a statement's `catch`: refuses with `READ_ONLY` if that is why it failed, and with what to do if this role may not run it.
 */
export function explaining(forbidden: (error: pg.DatabaseError) => string): (cause: unknown) => never {
  return cause => {
    const code = cause instanceof pg.DatabaseError ? cause.code : null;
    if (code === '25006') throw new MigrationError(READ_ONLY, { cause });
    if (code === '42501') throw new MigrationError(forbidden(cause as pg.DatabaseError), { cause });
    throw cause;
  };
}
