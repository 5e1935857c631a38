import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { createVersionTable } from './applied.ts';
import { grantTo } from './grants.ts';
import { explaining } from './read-only.ts';
import type { Revision } from './revisions.ts';

/**
 * Builds the revisions in a schema of their own inside a transaction that is rolled back, so that nobody else ever sees it
 * and a crash leaves nothing behind. `look` reads there with that schema first on the search path.
 */
export async function inScratchSchema<T>(
  client: pg.ClientBase,
  { revisions, serviceRole }: { revisions: readonly Revision[]; serviceRole: string | null },
  look: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const schema = `scratch_${randomBytes(6).toString('hex')}`;
  await client.query('begin');
  try {
    await client.query(`create schema ${schema}`).catch(explain);
    await client.query(`set local search_path to ${schema}, pg_temp`);
    await createVersionTable(client);
    for (const { up } of revisions) await client.query(up);
    if (serviceRole !== null) await grantTo(client, serviceRole);
    return await look(client);
  } finally {
    await client.query('rollback');
  }
}

const explain = explaining(
  () =>
    'The catalogue was not compared: the revisions are built in a scratch schema, and this role may not create one. ' +
    'Set MIGRATE_DATABASE_URL to the role that owns the schema',
);
