import type { Db, Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

interface StoredKey {
  /** Null: the person was erased. */
  readonly key_sealed: Buffer | null;
  /** Written by the transaction that asks, which may yet roll back. */
  readonly uncommitted: boolean;
}

/** The key of a person as it is committed; null where none was made yet. */
export function findPersonKey(database: Db, userId: string): Promise<StoredKey | null> {
  return database.read(sql`
    select key_sealed, false as uncommitted from audit_keys where user_id = ${userId}::uuid`);
}

/** The sealed key of a person; made of `fresh` when there is none yet. Of several makers at once, one wins. */
export async function ensurePersonKey(
  database: Sql,
  userId: string,
  fresh: Buffer,
  now: Date,
): Promise<StoredKey> {
  const row = await database.row<StoredKey>(sql`
    with made as (
      insert into audit_keys (user_id, key_sealed, created_at)
      values (${userId}::uuid, ${fresh}::bytea, ${now}::timestamptz)
      on conflict (user_id) do nothing returning key_sealed)
    select key_sealed, true as uncommitted from made
    union all
    select key_sealed, coalesce(xmin = pg_current_xact_id_if_assigned()::xid, false)
    from audit_keys where user_id = ${userId}::uuid
    limit 1`);
  // Another maker committed after this statement's snapshot: the next one sees it.
  return row === null ? ensurePersonKey(database, userId, fresh, now) : row;
}

export function findPersonKeys(
  database: Sql,
  userIds: readonly string[],
): Promise<{ user_id: string; key_sealed: Buffer | null }[]> {
  return database.rows(sql`
    select user_id, key_sealed from audit_keys where user_id = any(${userIds}::uuid[])`);
}

/** Leaves a row without a key, so that no later event makes another. */
export function erasePersonKey(database: Sql, userId: string, now: Date): Promise<number> {
  return database.run(sql`
    insert into audit_keys (user_id, key_sealed, created_at, erased_at)
    values (${userId}::uuid, null, ${now}::timestamptz, ${now}::timestamptz)
    on conflict (user_id) do update set key_sealed = null, erased_at = excluded.erased_at
    where audit_keys.erased_at is null`);
}
