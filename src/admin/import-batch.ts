import { importAccounts } from '../accounts/import.ts';
import { erasedAmong } from '../audit/personal-fields.ts';
import { operator, recordEvents } from '../audit/record.ts';
import { importPasswords } from '../passwords/set.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { grantMany } from '../rbac/set-roles.ts';
import type { ImportRow } from './import-row.ts';

/** Undoes a batch that was only tried. */
class Undo extends Error {}

/** Writes rows in one transaction, which `dryRun` rolls back. Calls `bad` with the reason for each row that is not imported. */
export async function writeBatch(
  deps: Deps,
  rows: readonly ImportRow[],
  { dryRun, bad }: { dryRun: boolean; bad: (line: number, reason: string) => void },
): Promise<{ made: number; present: number }> {
  let tried: Awaited<ReturnType<typeof writeRows>> | undefined;
  const outcome = await deps.db
    .transaction(async tx => {
      tried = await writeRows(deps, tx, rows);
      if (dryRun) throw new Undo();
      return tried;
    })
    .catch((error: unknown) => {
      if (error instanceof Undo && tried !== undefined) return tried;
      throw error;
    });
  for (const { line, reason } of outcome.bad) bad(line, reason);
  return outcome;
}

async function writeRows(deps: Deps, tx: Tx, rows: readonly ImportRow[]) {
  const now = deps.clock.now();
  const erased = await erasedAmong(
    tx,
    rows.flatMap(({ id }) => id ?? []),
  );
  const accounts = rows
    .filter(({ id }) => id === null || !erased.has(id))
    .map(row => ({ ...row, id: row.id ?? deps.random.uuid(), fileId: row.id }));
  const outcome = await importAccounts(tx, accounts, now);
  const made = accounts.filter(({ id }) => outcome.get(id)?.kind === 'made');
  await importPasswords(
    tx,
    made.flatMap(({ id, hash }) => (hash === null ? [] : [{ userId: id, hash }])),
    now,
  );
  await grantMany(
    tx,
    made.flatMap(({ id, roles }) => roles.map(role => ({ userId: id, role }))),
    now,
  );
  await recordEvents(
    deps,
    tx,
    made.map(({ id, roles }) => ({
      type: 'user.imported',
      outcome: 'success',
      actor: operator,
      userId: id,
      caller: null,
      data: { roles: [...roles].sort() },
    })),
  );
  // Running an import again must not reopen, password and all, an account that its owner closed.
  const bad = rows
    .filter(({ id }) => id !== null && erased.has(id))
    .map(({ line }) => ({
      line,
      reason: 'id: its account was removed here; without the id, the row makes a new one',
    }));
  let present = 0;
  for (const { id, fileId, line } of accounts) {
    const result = outcome.get(id);
    if (result?.kind === 'username_taken') bad.push({ line, reason: 'username: taken by another account' });
    else if (result?.kind === 'id_taken') bad.push({ line, reason: 'id: another account has it' });
    else if (result?.kind === 'address_kept')
      bad.push({
        line,
        reason: `email: the former address of the account ${result.userId}, kept for its owner for 72 hours`,
      });
    else if (result?.kind === 'present') {
      if (fileId === null || fileId === result.userId) present += 1;
      else bad.push({ line, reason: `email: taken by the account ${result.userId}` });
    }
  }
  return { made: made.length, present, bad };
}
