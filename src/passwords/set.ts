import type { Caller } from '../platform/caller.ts';
import type { Sql, Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { invalid } from '../platform/problems.ts';
import { selectHashes, upsertPassword } from './queries.ts';

export { importPasswords, newPassword, removePassword } from './queries.ts';

/**
 * Stores a password's hash in the caller's transaction; the one before it is remembered, so that it can be refused.
 * False where `replacing` is given and the present password was not set then: somebody else was faster.
 */
export async function setPassword(
  { clock, random, config }: Pick<Deps, 'clock' | 'random' | 'config'>,
  tx: Tx,
  { userId, hash, replacing = null }: { userId: string; hash: string; replacing?: Date | null },
): Promise<boolean> {
  const written = await upsertPassword(tx, {
    userId,
    hash,
    replacing,
    historyId: random.uuid(),
    kept: config.passwords.history,
    now: clock.now(),
  });
  return written === 1;
}

/**
 * Whether a password is the present one or among the PASSWORD_HISTORY before it. Hashes up to PASSWORD_HISTORY + 1
 * times, one after the other. With a history of 0 it hashes only where passwords expire: none is renewed with itself.
 */
async function wasUsedBefore(
  { config, hasher }: Pick<Deps, 'config' | 'hasher'>,
  database: Sql,
  { hungUp }: Caller,
  { userId, password }: { userId: string; password: string },
): Promise<boolean> {
  const { history, maxAgeDays } = config.passwords;
  if (history === 0 && maxAgeDays === 0) return false;
  for (const hash of await selectHashes(database, userId, history)) {
    if (await hasher.verify(hash, password, hungUp)) return true;
  }
  return false;
}

/** Refuses a password that was used before, with `validation_failed` on `member`. */
export async function refuseUsedBefore(
  deps: Pick<Deps, 'config' | 'hasher' | 'db'>,
  caller: Caller,
  { userId, password, member }: { userId: string; password: string; member: string },
): Promise<void> {
  if (await wasUsedBefore(deps, deps.db, caller, { userId, password })) {
    throw invalid(member, 'password_used_before', 'You have used this password before. Choose a new one.');
  }
}
