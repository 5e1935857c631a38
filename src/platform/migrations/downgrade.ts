import { createVersionTable, readStanding, VERSION_TABLE } from './applied.ts';
import { grantTo } from './grants.ts';
import { withMigrationLock } from './lock.ts';
import { MigrationError } from './migration-error.ts';
import { findRevision, type Revision } from './revisions.ts';
import { inTransaction } from './transaction.ts';
import type { Migration } from './upgrade.ts';

/**
 * Undoes revisions, the newest first, until `target` (`base`, a revision that stays, `-n`) is the current one, each with its
 * version row and the grants. Data that only the newer schema can hold is lost. Returns the ids of the undone revisions.
 */
export async function downgrade(
  { connection, revisions, say, serviceRole = null, signal }: Migration,
  target: string,
): Promise<string[]> {
  return withMigrationLock({ connection, say, signal }, async client => {
    const { position } = await readStanding(client, revisions);
    await createVersionTable(client);
    const undone = revisions.slice(startOf(revisions, position, target), position).reverse();
    for (const revision of undone) {
      const below = revisions[revisions.indexOf(revision) - 1]?.id ?? '';
      say(`Running downgrade ${revision.id} -> ${below}`);
      await inTransaction(client, `downgrade ${revision.id}`, async () => {
        await client.query(revision.down);
        await client.query(`delete from ${VERSION_TABLE} where id = $1`, [revision.id]);
        if (serviceRole !== null) await grantTo(client, serviceRole);
      });
    }
    return undone.map(({ id }) => id);
  });
}

function startOf(revisions: readonly Revision[], position: number, target: string): number {
  if (target === 'base') return 0;
  if (/^-\d+$/.test(target)) {
    const start = position + Number(target);
    if (start < 0) {
      throw new MigrationError(`Relative revision ${target} didn't produce ${target.slice(1)} migrations`);
    }
    return start;
  }
  const kept = findRevision(revisions, target);
  if (kept >= position)
    throw new MigrationError(`Revision ${revisions[kept]?.id} is not applied: nothing to take back`);
  return kept + 1;
}
