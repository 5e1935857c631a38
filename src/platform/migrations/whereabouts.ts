import type pg from 'pg';
import { type ConnectOptions, connect, type Say } from './connect.ts';
import { MigrationError } from './migration-error.ts';

/** Which database a connection leads to, whatever its address and role. */
export interface Whereabouts {
  readonly database: string;
  /** The first schema of its search path; null where the role may use none. */
  readonly schema: string | null;
  /** When its server was started, to the microsecond, which tells servers apart. */
  readonly started: string;
}

/** Which database this connection leads to. */
export async function whereaboutsOf(client: pg.ClientBase): Promise<Whereabouts> {
  const { rows } = await client.query<Whereabouts>(
    `select current_database() as database, current_schema() as schema,
    extract(epoch from pg_postmaster_start_time())::text as started`,
  );
  return rows[0] as Whereabouts;
}

/**
 * Refuses a connection for migrations (`MIGRATE_DATABASE_URL`) that cannot be made, or that leads elsewhere than the
 * service's own: it would bring to head a schema that is not the one served.
 */
export async function refuseElsewhere(
  service: Whereabouts,
  connection: pg.ClientConfig,
  say: Say,
  options: ConnectOptions = {},
): Promise<void> {
  const client = await connect(connection, say, options);
  try {
    const owner = await whereaboutsOf(client);
    const sameSchema = service.schema === null || owner.schema === null || service.schema === owner.schema;
    if (owner.started === service.started && owner.database === service.database && sameSchema) return;
    throw new MigrationError(
      `MIGRATE_DATABASE_URL leads to ${inWords(owner)}, and DATABASE_URL, or DB_*, to ${inWords(service)}` +
        `${owner.started === service.started ? '' : ' on another server'}. Let both name the same one`,
    );
  } finally {
    await client.end();
  }
}

const inWords = ({ database, schema }: Whereabouts) =>
  `the database "${database}"${schema === null ? '' : ` (schema "${schema}")`}`;
