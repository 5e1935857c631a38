import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { REVISIONS_FOLDER, readRevisions } from '../../src/platform/migrations/revisions.ts';
import { makeDatabase } from '../support/database.ts';

// The caller's, or the embedded one of this run.
const SERVER = process.env.TEST_DATABASE_URL ?? '';

export interface EmptyDatabase {
  readonly name: string;
  readonly connection: { connectionString: string };
  /** Runs statements on a connection of their own. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** A database with nothing in it, not even a version table; `options` of CREATE DATABASE, where it shall be another one. */
export async function emptyDatabase(options = ''): Promise<EmptyDatabase> {
  const name = newName();
  await onServer(client => client.query(`create database ${name} template template0 ${options}`));
  return opened(name);
}

/** A database at head. */
export async function migratedDatabase(): Promise<EmptyDatabase> {
  const name = newName();
  await makeDatabase(name);
  return opened(name);
}

const newName = () => `entrecore_migrations_${randomBytes(6).toString('hex')}`;

function opened(name: string): EmptyDatabase {
  const connectionString = withDatabase(name);
  return {
    name,
    connection: { connectionString },
    query: (text, values) => on(connectionString, async client => (await client.query(text, values)).rows),
    // At once: a test drops its roles next.
    close: () =>
      onServer(async client => void (await client.query(`drop database if exists ${name} with (force)`))),
  };
}

/** What the runner and the check take: a database, and the revisions of a folder; nothing is said. */
export const migrationOf = async (
  { connection }: { readonly connection: pg.ClientConfig },
  folder?: URL,
) => ({
  connection,
  revisions: await readRevisions(folder),
  say: () => {},
});

/** A folder of revisions that a test may add to: a copy of the real ones, or an empty one. */
export async function revisionsFolder({ copy }: { copy: boolean }) {
  const path = await mkdtemp(join(tmpdir(), 'entrecore-revisions-'));
  if (copy) await cp(REVISIONS_FOLDER, path, { recursive: true });
  const folder = pathToFileURL(`${path}/`);
  return {
    path,
    folder,
    async add(id: string, up: string, down: string) {
      await writeFile(new URL(`${id}.up.sql`, folder), up);
      await writeFile(new URL(`${id}.down.sql`, folder), down);
    },
    remove: () => rm(path, { recursive: true }),
  };
}

export const onServer = <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => on(SERVER, work);

export async function on<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Limits a role or a database in every way that the server knows. */
export const hurry = (whom: string, milliseconds: number): string => `do $$ declare name text; begin
  for name in select s.name from pg_settings s where s.name in ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout')
  loop execute format('alter ${whom} set %I to ${milliseconds}', name); end loop;
end $$`;

/** The test server's address, with another database and role. */
export function withDatabase(name: string, role?: string, password = ''): string {
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  if (role !== undefined) {
    url.username = role;
    url.password = password;
  }
  return url.href;
}
