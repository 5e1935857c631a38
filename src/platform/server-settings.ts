import type pg from 'pg';

/**
 * What the first message of a connection asks the server to keep: how long a statement and an idle transaction may last, and what
 * a statement sees, since the database or the role may be set to show less than was committed.
 */
export const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  statement_timeout: '15000',
  idle_in_transaction_session_timeout: '30000',
  default_transaction_isolation: 'read committed',
};

/** Options of a pool of `ServiceClient`. */
export interface WithSettings extends pg.ClientConfig {
  settings?: Readonly<Record<string, string>>;
}

/** True for a pooler that cannot pass these settings on: pgbouncer refuses each that it is not told to ignore. */
export const refusesSettings = ({ message }: Error) =>
  Object.keys(SERVER_SETTINGS).some(name => message.includes(`unsupported startup parameter: ${name}`));

/** Has the pool open its further connections without these settings; false where they were left out already. */
export function leaveOutSettings({ options }: pg.Pool): boolean {
  const asked = options as WithSettings;
  const had = asked.settings !== undefined;
  delete asked.settings;
  return had;
}
