import type { ClientBase } from 'pg';
import { MigrationError } from './migration-error.ts';
import { explaining } from './read-only.ts';
import type { Revision } from './revisions.ts';
import { refuseUnfit } from './unfit.ts';

export const VERSION_TABLE = 'schema_revisions';

interface Applied {
  readonly id: string;
  readonly checksum: string;
  readonly appliedAt: Date;
}

/** The rows of this database's version table, oldest first; none if there is no such table yet. */
async function readApplied(client: ClientBase): Promise<Applied[]> {
  const { rows } = await client.query<{ present: boolean }>(
    `select to_regclass(quote_ident(current_schema()) || '.${VERSION_TABLE}') is not null as present`,
  );
  if (rows[0]?.present !== true) return [];
  const applied = await client
    .query<Applied>(`select id, checksum, applied_at as "appliedAt" from ${VERSION_TABLE} order by id`)
    .catch(explain);
  return applied.rows;
}

/** Creates the table of the applied revisions if it is missing. If this role may not, the refusal says what to do. */
export async function createVersionTable(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ schema: string | null }>('select current_schema() as schema');
  if (rows[0]?.schema === null) throw new MigrationError('The search_path of this role names no schema');
  await client
    .query(`create table if not exists ${VERSION_TABLE} (
    id text primary key,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp()
  )`)
    .catch(explain);
}

const explain = explaining(
  error =>
    `This role may not do that to the schema (${error.message}): set MIGRATE_DATABASE_URL to the role that owns it, ` +
    'and run "npm run db -- upgrade head", which also grants what the service needs',
);

interface Standing {
  /** How many of the known revisions are applied; these are always the first ones. */
  readonly position: number;
  readonly pending: readonly Revision[];
  /** Applied revisions whose file has changed since. */
  readonly edited: readonly string[];
}

/**
 * How far a database has come in the revisions that this code knows. Refuses a database that is ahead of the code, one
 * where a revision was slipped in before another that is applied, and one that is not fit for a first revision
 * (`refuseUnfit`).
 */
export async function readStanding(client: ClientBase, revisions: readonly Revision[]): Promise<Standing> {
  const applied = await readApplied(client);
  if (applied.length === 0) await refuseUnfit(client, revisions);
  return standing(revisions, applied);
}

function standing(revisions: readonly Revision[], applied: readonly Applied[]): Standing {
  const unknown = applied.filter(({ id }) => !revisions.some(revision => revision.id === id));
  if (unknown.length > 0) {
    throw new MigrationError(
      `The database has revision ${unknown.map(({ id }) => id).join(', ')}, which this version of the program does not ` +
        'know: run the newer version, or let it downgrade the database first',
    );
  }
  const position = applied.length;
  const late = revisions.slice(0, position).find(({ id }) => !applied.some(row => row.id === id));
  if (late !== undefined) {
    throw new MigrationError(
      `Revision ${late.id} is older than ${applied.at(-1)?.id}, which is applied already: give its two files a newer id`,
    );
  }
  const edited = applied
    .filter(row => revisions.find(({ id }) => id === row.id)?.checksum !== row.checksum)
    .map(({ id }) => id);
  return { position, pending: revisions.slice(position), edited };
}
