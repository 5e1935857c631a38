import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { hashToken, type Purpose } from './challenge.ts';
import { insertSpent, isStored } from './queries.ts';

/**
 * Spends something that proves itself without a row, such as a signed link: true for one of N callers at once. `id` must
 * not be spent again before `expiresAt`; after it, the row may be swept.
 */
export async function spendOnce(
  { clock }: Pick<Deps, 'clock'>,
  tx: Sql,
  spent: { id: string; purpose: Purpose; userId: string; expiresAt: Date },
): Promise<boolean> {
  const written = await insertSpent(tx, { ...spent, secretHash: hashToken(spent.id), now: clock.now() });
  return written === 1;
}

/** Whether `spendOnce` has spent it already. Spends nothing. */
export function isSpent(db: Sql, spent: { id: string; purpose: Purpose }): Promise<boolean> {
  return isStored(db, spent);
}
