import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { type Db, openDatabase } from '../../src/platform/database.ts';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';

export interface TestDatabase {
  readonly url: string;
  readonly db: Db;
  close(): Promise<void>;
}

/**
 * A fresh migrated database. Its connections end when it is closed; on a caller's server, it is dropped with all the
 * others of the run (test/support/server.ts).
 */
export async function testDatabase(): Promise<TestDatabase> {
  const run = process.env.TEST_DATABASE_RUN;
  const name = `entrecore_test_${run === undefined ? '' : `${run}_`}${randomBytes(6).toString('hex')}`;
  const url = await makeDatabase(name);
  const db = openDatabase({ connection: { connectionString: url }, poolMax: 8, prepare: true });
  return {
    url,
    db,
    async close() {
      await db.close();
      await onServer(client =>
        run === undefined
          ? client.query(`drop database if exists ${name} with (force)`)
          : client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]),
      );
    },
  };
}

/** Makes a database at head, cloned from a template that is made once for each state of the migrations; returns its URL. */
export async function makeDatabase(name: string): Promise<string> {
  const template = await ensureTemplate();
  await onServer(client => client.query(`create database ${name} template ${template}`));
  return urlOf(name);
}

async function ensureTemplate(): Promise<string> {
  const revisions = await readRevisions();
  const state = revisions.map(({ checksum }) => checksum).join('\n');
  const template = `entrecore_template_${createHash('sha256').update(state).digest('hex').slice(0, 12)}`;
  await onServer(async client => {
    await client.query('select pg_advisory_lock(7420151)');
    const { rowCount } = await client.query('select from pg_database where datname = $1 and datistemplate', [
      template,
    ]);
    if (rowCount !== 0) return;
    await client.query(`drop database if exists ${template} with (force)`);
    await client.query(`create database ${template}`);
    await upgrade({ connection: { connectionString: urlOf(template) }, revisions, say: () => {} });
    await client.query(`alter database ${template} is_template true`);
  });
  return template;
}

async function onServer(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(name: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}

// The caller's own server, or the embedded one that test/support/server.ts started for this run.
function serverUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (url === undefined) throw new Error('Run the tests with npm test, or set TEST_DATABASE_URL.');
  return url;
}
