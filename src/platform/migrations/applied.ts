import pg, { type ClientBase } from 'pg';
import { MigrationError } from './migration-error.ts';
import { refuseReadOnly } from './read-only.ts';
import type { Revision } from './revisions.ts';

export const VERSION_TABLE = 'schema_revisions';

interface Applied {
  readonly id: string;
  readonly checksum: string;
  readonly appliedAt: Date;
}

/** What the version table of this database says, oldest first; nothing where there is no such table yet. */
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

function explain(error: unknown): never {
  refuseReadOnly(error);
  if (error instanceof pg.DatabaseError && error.code === '42501') {
    throw new MigrationError(
      `This role may not do that to the schema (${error.message}): set MIGRATE_DATABASE_URL to the role that owns it, ` +
        'and run "npm run db -- upgrade head", which also grants what the service needs',
      { cause: error },
    );
  }
  throw error;
}

interface Standing {
  /** How many of the known revisions are applied: they are the first ones. */
  readonly position: number;
  readonly pending: readonly Revision[];
  /** Applied revisions whose file has another text by now. */
  readonly edited: readonly string[];
}

/**
 * Where a database stands among the revisions that this code knows. Refuses one that is ahead of the code, one where a
 * revision was slipped in before another that is applied, and one that another program has tables of our names in.
 */
export async function readStanding(client: ClientBase, revisions: readonly Revision[]): Promise<Standing> {
  const applied = await readApplied(client);
  if (applied.length === 0) await refuseForeignTables(client, revisions);
  return standing(revisions, applied);
}

async function refuseForeignTables(client: ClientBase, revisions: readonly Revision[]): Promise<void> {
  const ours = revisions.flatMap(({ up }) => [...up.matchAll(CREATED)].map(([, name]) => name));
  const { rows } = await client.query<{ name: string; database: string }>(
    `select relname as name, current_database() as database from pg_class
    where relnamespace = quote_ident(current_schema())::regnamespace and relname = any($1) order by 1`,
    [ours],
  );
  const [first, ...others] = rows;
  if (first === undefined) return;
  throw new MigrationError(
    `The database "${first.database}" belongs to another program: it has ${others.length === 0 ? 'a table' : 'tables'} ` +
      `${rows.map(({ name }) => name).join(', ')}, and none of our revisions. Create a database for this service alone, ` +
      'and set DB_NAME or DATABASE_URL to it (MIGRATE_DATABASE_URL too, where it is set). Nothing was changed',
  );
}

const CREATED = /\bcreate table (?:if not exists )?"?(\w+)/gi;

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
