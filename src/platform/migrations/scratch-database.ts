import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { connect, type Say } from './connect.ts';
import { MigrationError } from './migration-error.ts';

export type ScratchConnection = Pick<pg.Client, 'host' | 'port' | 'database'> & {
  readonly user?: string;
  readonly password?: string;
  readonly ssl?: pg.ClientConfig['ssl'];
};

/** Makes an empty database on the same server, for `work`, and drops it. The role needs CREATEDB. */
export async function withScratchDatabase<T>(
  connection: pg.ClientConfig,
  say: Say,
  work: (client: pg.Client, connection: ScratchConnection) => Promise<T>,
): Promise<T> {
  const admin = await connect({ ...connection, statement_timeout: 0 }, say);
  const name = `entrecore_scratch_${randomBytes(6).toString('hex')}`;
  try {
    await admin.query(`create database ${name} template template0`).catch(explain);
    const { host, port, user, ssl } = admin;
    const password = admin.password ?? undefined;
    const scratch = { host, port, database: name, user, password, ssl: ssl || undefined };
    const client = await connect(scratch, say);
    try {
      return await work(client, scratch);
    } finally {
      await client.end();
    }
  } finally {
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.end();
  }
}

function explain(error: unknown): never {
  if (error instanceof pg.DatabaseError && error.code === '42501') {
    throw new MigrationError(
      'The schema in code was not compared: it is built in a scratch database, for which this role needs CREATEDB ' +
        '(alter role … createdb). Where the development dependencies are absent, "check" does without',
      { cause: error },
    );
  }
  throw error;
}
