import type { Db, Sql } from '../platform/database.ts';
import { column, type Reading, sql } from '../platform/sql.ts';

interface StoredKey {
  /** Null: the person was erased. */
  readonly key_sealed: Buffer | null;
  /** Written by the transaction that asks, which may yet roll back. */
  readonly uncommitted: boolean;
}

const personKey: Reading<string> = {
  alone: userId => sql`
    select key_sealed, false as uncommitted from audit_keys where user_id = ${userId}::uuid`,
  together: all => sql`
    select person.place, k.key_sealed, false as uncommitted
    from unnest(${column(all, userId => userId)}::uuid[]) with ordinality as person (id, place)
    join audit_keys k on k.user_id = person.id`,
};

/** The key of a person as it is committed; null where none was made yet. */
export function findPersonKey(database: Db, userId: string): Promise<StoredKey | null> {
  return database.read(personKey, userId);
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

/**
 * Whose personal fields cannot be read, though nobody removed the account; nobody's key counts as an account's. A removal
 * may have been dropped by retention with the events before it, but for what was written while it happened.
 */
export async function findLostKeys(
  database: Sql,
  { nobody, prunedBefore, limit }: { nobody: string; prunedBefore: Date | null; limit: number },
): Promise<string[]> {
  const rows = await database.rows<{ user_id: string }>(sql`
    select distinct coalesce(e.user_id, ${nobody}::uuid) as user_id
    from audit_events e left join audit_keys k on k.user_id = coalesce(e.user_id, ${nobody}::uuid)
    where e.personal_sealed is not null and k.key_sealed is null
      and (k.user_id is null or not exists (
        select from audit_events d where d.user_id = e.user_id and d.type = 'user.deleted' and d.outcome = 'success'))
      and (k.erased_at < ${prunedBefore}::timestamptz and e.created_at < k.erased_at + interval '1 hour') is not true
    limit ${limit}::int`);
  return rows.map(({ user_id }) => user_id);
}

/** A page of the keys that are there, by whose they are. */
export function findKeysFrom(
  database: Sql,
  after: string | null,
  limit: number,
): Promise<{ user_id: string; key_sealed: Buffer }[]> {
  return database.rows(sql`
    select user_id, key_sealed from audit_keys
    where key_sealed is not null and (${after}::uuid is null or user_id > ${after}::uuid)
    order by user_id limit ${limit}::int`);
}
