import type pg from 'pg';
import { createVersionTable, readStanding, VERSION_TABLE } from './applied.ts';
import type { Say } from './connect.ts';
import { grantTo } from './grants.ts';
import { withMigrationLock } from './lock.ts';
import { MigrationError } from './migration-error.ts';
import { findRevision, type Revision } from './revisions.ts';
import { inTransaction } from './transaction.ts';

export interface Migration {
  /** Of the role that changes the schema: its owner. */
  readonly connection: pg.ClientConfig;
  readonly revisions: readonly Revision[];
  readonly say: Say;
  /** The lesser role that the service runs as, if it is not the owner itself. */
  readonly serviceRole?: string | null;
  /** Ends the wait for the database; work that has begun is finished. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies the pending revisions up to `target` (`head`, a revision, `+n`), each in a transaction of its own with its
 * version row and the grants. If several processes upgrade at once, one does the work and the others find it done. Returns
 * the ids that were applied.
 */
export async function upgrade(
  { connection, revisions, say, serviceRole = null, signal }: Migration,
  target = 'head',
) {
  return withMigrationLock({ connection, say, signal }, async client => {
    const { position, edited } = await readStanding(client, revisions);
    // In one transaction: processes that start meanwhile read that table as the lesser role, as soon as it is there.
    await inTransaction(client, 'upgrade', async () => {
      await createVersionTable(client);
      if (serviceRole !== null) await grantTo(client, serviceRole);
    });
    for (const id of edited) say(`warning: the file of revision ${id} was edited after it was applied here`);
    const pending = revisions.slice(position, endOf(revisions, position, target));
    for (const [index, revision] of pending.entries()) {
      say(`Running upgrade ${revisions[position + index - 1]?.id ?? ''} -> ${revision.id}`);
      await inTransaction(client, `upgrade ${revision.id}`, async () => {
        await client.query(revision.up);
        await client.query(`insert into ${VERSION_TABLE} (id, checksum) values ($1, $2)`, [
          revision.id,
          revision.checksum,
        ]);
        if (serviceRole !== null) await grantTo(client, serviceRole);
      });
    }
    return pending.map(({ id }) => id);
  });
}

function endOf(revisions: readonly Revision[], position: number, target: string): number {
  if (target === 'head' || target === 'heads') return revisions.length;
  if (/^\+\d+$/.test(target)) {
    const end = position + Number(target);
    if (end > revisions.length) {
      throw new MigrationError(`Relative revision ${target} didn't produce ${target.slice(1)} migrations`);
    }
    return end;
  }
  return findRevision(revisions, target) + 1;
}
