import pg from 'pg';
import { MigrationError } from './migration-error.ts';

/** What to do about a server or a role that takes no writes. */
export const READ_ONLY =
  'The database takes no writes: it is a standby, or default_transaction_read_only is on. Let DATABASE_URL, or DB_HOST ' +
  '(and MIGRATE_DATABASE_URL, where it is set), name the primary, or switch that off for the role';

/** Refuses with `READ_ONLY` if that is why a statement failed. */
export function refuseReadOnly(cause: unknown): void {
  if (cause instanceof pg.DatabaseError && cause.code === '25006')
    throw new MigrationError(READ_ONLY, { cause });
}
