import type { ClientBase } from 'pg';
import { MigrationError } from './migration-error.ts';
import type { Revision } from './revisions.ts';

/**
 * Refuses a database that has no revision yet and should get none, because another program has tables of our names in it or
 * its encoding cannot hold every text. Changes nothing.
 */
export async function refuseUnfit(client: ClientBase, revisions: readonly Revision[]): Promise<void> {
  const ours = revisions.flatMap(({ up }) => [...up.matchAll(CREATED)].map(([, name]) => name));
  const { rows } = await client.query<{ name: string; database: string }>(
    `select relname as name, current_database() as database from pg_class
    where relnamespace = quote_ident(current_schema())::regnamespace and relname = any($1) order by 1`,
    [ours],
  );
  const [first, ...others] = rows;
  if (first !== undefined) {
    throw new MigrationError(
      `The database "${first.database}" belongs to another program: it has ${others.length === 0 ? 'a table' : 'tables'} ` +
        `${rows.map(({ name }) => name).join(', ')}, and none of our revisions. Create a database for this service alone, ` +
        'and set DB_NAME or DATABASE_URL to it (MIGRATE_DATABASE_URL too, where it is set). Nothing was changed',
    );
  }
  const fault = await faultOfEncoding(client);
  if (fault !== null) throw new MigrationError(`${fault}. Nothing was changed`);
}

const CREATED = /\bcreate table (?:if not exists )?"?(\w+)/gi;

/** Why names in some scripts could not be stored here, and what to do; null if all can be. */
export async function faultOfEncoding(client: ClientBase): Promise<string | null> {
  const { rows } = await client.query<{ encoding: string; database: string }>(
    `select current_setting('server_encoding') as encoding, current_database() as database`,
  );
  const [{ encoding, database }] = rows as [(typeof rows)[0]];
  // SQL_ASCII takes bytes as they come, and ours are UTF-8.
  if (encoding === 'UTF8' || encoding === 'SQL_ASCII') return null;
  return (
    `The database "${database}" is encoded in ${encoding}, in which not every name can be stored. Create one in UTF-8 ` +
    '(createdb --encoding UTF8 --template template0 …), and set DB_NAME or DATABASE_URL to it'
  );
}
