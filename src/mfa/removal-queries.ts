import type { Actor } from '../audit/record.ts';
import type { Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';
import { presentRefusal } from '../rbac/standing.ts';

/** Plans a removal once, for an account that has something to remove; returns its date, or null when none was written. */
export async function insertRemoval(
  database: Sql,
  { userId, requester, now, dueAt }: { userId: string; requester: Actor; now: Date; dueAt: Date },
): Promise<Date | null> {
  const row = await database.row<{ due_at: Date }>(sql`
    insert into factor_removals (user_id, requested_at, due_at, requester_kind, requester_id)
    select id, ${now}::timestamptz, ${dueAt}::timestamptz, ${requester.kind}::text, ${requester.id ?? null}::uuid from users where id = ${userId}::uuid and mfa_enabled
    on conflict (user_id) do nothing returning due_at`);
  return row?.due_at ?? null;
}

/** Makes another requester answer for a planned removal; returns its date, or null when none is planned. */
export async function replaceRequester(
  database: Sql,
  { userId, requester }: { userId: string; requester: Actor },
): Promise<Date | null> {
  const row = await database.row<{ due_at: Date }>(sql`
    update factor_removals set requester_kind = ${requester.kind}::text, requester_id = ${requester.id ?? null}::uuid
    where user_id = ${userId}::uuid returning due_at`);
  return row?.due_at ?? null;
}

/** When the planned removal of an account is due; null where none is planned. */
export async function plannedRemoval(database: Sql, userId: string): Promise<Date | null> {
  const row = await database.row<{ due_at: Date }>(
    sql`select due_at from factor_removals where user_id = ${userId}::uuid`,
  );
  return row?.due_at ?? null;
}

/** Deletes a plan. Of N callers at once one gets true. */
export async function deleteRemoval(database: Sql, userId: string): Promise<boolean> {
  return (await database.run(sql`delete from factor_removals where user_id = ${userId}::uuid`)) === 1;
}

/**
 * Deletes a plan that is due at `now`; the verdict says why its requester may no longer do it (null: they may). Of N
 * callers at once one gets a verdict.
 */
export function spendRemoval(
  database: Sql,
  { userId, needs, now }: { userId: string; needs: string; now: Date },
): Promise<{ refusal: string | null } | null> {
  const requester = { kind: sql`r.requester_kind`, id: sql`r.requester_id` };
  return database.row(sql`
    delete from factor_removals r where user_id = ${userId}::uuid and due_at <= ${now}::timestamptz
    returning ${presentRefusal(needs, requester, sql`r.user_id`)} as refusal`);
}

/** The accounts whose removals are due, the longest due first. */
export async function selectDueRemovals(database: Sql, now: Date, limit: number): Promise<string[]> {
  const rows = await database.rows<{ user_id: string }>(sql`
    select user_id from factor_removals where due_at <= ${now}::timestamptz order by due_at limit ${limit}::int`);
  return rows.map(({ user_id }) => user_id);
}
