import type { Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

/** Plans a removal once, for an account that has something to remove; returns its date, or null when none was written. */
export async function insertRemoval(
  database: Sql,
  { userId, now, dueAt }: { userId: string; now: Date; dueAt: Date },
): Promise<Date | null> {
  const row = await database.row<{ due_at: Date }>(sql`
    insert into factor_removals (user_id, requested_at, due_at)
    select id, ${now}::timestamptz, ${dueAt}::timestamptz from users where id = ${userId}::uuid and mfa_enabled
    on conflict (user_id) do nothing returning due_at`);
  return row?.due_at ?? null;
}

export async function selectRemoval(database: Sql, userId: string): Promise<Date | null> {
  const row = await database.row<{ due_at: Date }>(
    sql`select due_at from factor_removals where user_id = ${userId}::uuid`,
  );
  return row?.due_at ?? null;
}

/** Takes a plan away: with `due`, only one whose date is not after it. Of N callers at once one gets true. */
export async function deleteRemoval(
  database: Sql,
  { userId, due }: { userId: string; due: Date | null },
): Promise<boolean> {
  const gone = await database.run(sql`
    delete from factor_removals
    where user_id = ${userId}::uuid and (${due}::timestamptz is null or due_at <= ${due}::timestamptz)`);
  return gone === 1;
}

export async function selectDueRemovals(database: Sql, now: Date, limit: number): Promise<string[]> {
  const rows = await database.rows<{ user_id: string }>(sql`
    select user_id from factor_removals where due_at <= ${now}::timestamptz order by due_at limit ${limit}::int`);
  return rows.map(({ user_id }) => user_id);
}
