import type { Sql } from '../platform/database.ts';
import { isKnownHash } from '../platform/hasher.ts';
import { selectPassword } from './queries.ts';

/** When the password of an account was set, and whether its hash can let anybody in; null where it has none. */
export async function findStoredPassword(
  database: Sql,
  userId: string,
): Promise<{ changedAt: Date; usable: boolean } | null> {
  const row = await selectPassword(database, userId);
  return row === null ? null : { changedAt: row.changed_at, usable: isKnownHash(row.hash) };
}
