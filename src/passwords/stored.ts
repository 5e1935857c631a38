import type { Sql } from '../platform/database.ts';
import { selectPassword } from './queries.ts';

/** When the password of an account was set, and whether it breaks today's policy; null where it has none. */
export async function findStoredPassword(
  database: Sql,
  userId: string,
): Promise<{ changedAt: Date; weak: boolean } | null> {
  const row = await selectPassword(database, userId);
  return row === null ? null : { changedAt: row.changed_at, weak: row.weak };
}
