import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Sql } from '../database.ts';
import { sql } from '../sql.ts';
import { readStanding } from './applied.ts';
import { type ConnectOptions, connect, type Say } from './connect.ts';
import { MigrationError } from './migration-error.ts';
import { readRevisions } from './revisions.ts';
import { refuseElsewhere, type Whereabouts, whereaboutsOf } from './whereabouts.ts';

// `ensureSchema` waits longer for a silent database, and says so.
const GLANCE_MS = 1_000;

/**
 * True if exactly the revisions of this program are applied, and none was edited since. Nearly every start finds this, with
 * one statement over a connection that it keeps using. False otherwise, also if there is no answer soon or before `signal`
 * ends the wait: `ensureSchema` then finds out why.
 */
export async function isAtHead(
  db: Sql,
  { signal, folder }: Pick<ConnectOptions, 'signal'> & { readonly folder?: URL } = {},
): Promise<boolean> {
  const applied = db.rows<{ id: string; checksum: string }>(sql`
    select id, checksum from schema_revisions
    where tableoid = to_regclass(quote_ident(current_schema()) || '.schema_revisions') order by id`);
  const silence = sleep(GLANCE_MS, [], { ref: false, ...(signal !== undefined && { signal }) });
  const answer = Promise.race([applied, silence]).catch(() => []);
  const [rows, revisions] = await Promise.all([answer, readRevisions(folder)]);
  return (
    rows.length === revisions.length &&
    revisions.every(({ id, checksum }, index) => rows[index]?.id === id && rows[index].checksum === checksum)
  );
}

export interface EnsureSchema extends ConnectOptions {
  /** How the service connects. */
  readonly connection: pg.ClientConfig;
  /** How the role that changes the schema connects (`MIGRATE_DATABASE_URL`); null: the service's own role does it. */
  readonly migrateConnection: pg.ClientConfig | null;
  /** `MIGRATE_ON_START`: upgrade to head rather than refuse. */
  readonly migrateOnStart: boolean;
  readonly say: Say;
  readonly folder?: URL;
}

/**
 * Runs before the service serves: waits for the database, and goes on only with exactly the schema that this code was
 * written for. Refuses with a `MigrationError` a schema that is behind (unless it may upgrade it) or ahead, and, before
 * anything is changed there, a `migrateConnection` that leads elsewhere.
 */
export async function ensureSchema(options: EnsureSchema): Promise<void> {
  const { connection, migrateConnection, migrateOnStart, say, folder } = options;
  const revisions = await readRevisions(folder);
  const client = await connect(connection, say, options);
  const serviceRole = migrateConnection === null ? null : (client.user ?? null);
  let behind: number;
  let service: Whereabouts;
  try {
    const { pending, edited } = await readStanding(client, revisions);
    for (const id of edited) say(`warning: the file of revision ${id} was edited after it was applied here`);
    behind = pending.length;
    service = await whereaboutsOf(client);
  } finally {
    await client.end();
  }
  if (behind === 0) return;
  if (!migrateOnStart) {
    throw new MigrationError(
      `The database is ${behind} revision${behind === 1 ? '' : 's'} behind this program. Run "npm run db -- upgrade head" ` +
        '(in a container: node src/db.ts upgrade head), or set MIGRATE_ON_START=true',
    );
  }
  if (migrateConnection !== null) await refuseElsewhere(service, migrateConnection, say, options);
  const { upgrade } = await import('./upgrade.ts');
  await upgrade({
    connection: migrateConnection ?? connection,
    revisions,
    say,
    serviceRole,
    signal: options.signal,
  });
}
