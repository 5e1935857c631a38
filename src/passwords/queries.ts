import type { WaysLeft } from '../delivery/messages.ts';
import type { Sql, Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';

export interface StoredPassword {
  readonly hash: string;
  readonly changed_at: Date;
  readonly weak: boolean;
}

/** The password of an account, or null. */
export function selectPassword(database: Sql, userId: string): Promise<StoredPassword | null> {
  return database.row(sql`select hash, changed_at, weak from passwords where user_id = ${userId}::uuid`);
}

/** The present hash, then the newest `count` of the earlier ones. */
export async function selectHashes(database: Sql, userId: string, count: number): Promise<string[]> {
  const rows = await database.rows<{ hash: string }>(sql`
    (select hash from passwords where user_id = ${userId}::uuid)
    union all
    (select hash from password_history where user_id = ${userId}::uuid order by created_at desc, id desc
      limit ${count}::int)`);
  return rows.map(({ hash }) => hash);
}

export interface NewPassword {
  readonly userId: string;
  readonly hash: string;
  /** Replaces the present password only if it was set then; its hash may have been renewed by a login meanwhile. */
  readonly replacing: Date | null;
  /** The id of the row that the replaced hash becomes. */
  readonly historyId: string;
  /** How many earlier hashes are kept. */
  readonly kept: number;
  readonly now: Date;
}

/** Sets a password and moves the one before it into the history; 0 where the present one was not set at `replacing`. */
export function upsertPassword(
  database: Sql,
  { userId, hash, replacing, historyId, kept, now }: NewPassword,
): Promise<number> {
  return database.run(sql`
    with old as (select user_id, hash, changed_at from passwords where user_id = ${userId}::uuid for update),
    new as (
      insert into passwords as p (user_id, hash, changed_at)
      select ${userId}::uuid, ${hash}::text, ${now}::timestamptz
      -- Reads what is there before it writes, also where anything is replaced: afterwards the statement does not see it.
      from (select max(old.changed_at) as changed_at from old) as present
      where ${replacing}::timestamptz is null or date_trunc('milliseconds', present.changed_at) = ${replacing}::timestamptz
      -- Always later than the one before, whatever the clocks say: the instant tells which password it is.
      on conflict (user_id) do update set hash = excluded.hash, weak = false,
        changed_at = greatest(excluded.changed_at, p.changed_at + interval '1 millisecond')
      returning p.user_id),
    remembered as (
      insert into password_history (id, user_id, hash, created_at)
      select ${historyId}::uuid, old.user_id, old.hash, ${now}::timestamptz from old, new where ${kept}::int > 0),
    forgotten as (
      delete from password_history where exists (select from new) and id in (
        select id from password_history where user_id = ${userId}::uuid
        order by created_at desc, id desc offset greatest(${kept}::int - 1, 0)))
    select from new`);
}

/** `insert into passwords …` for the statement that creates an account; `source` has its `id`. */
export function newPassword({ clock }: Pick<Deps, 'clock'>, hash: string, source: Fragment): Fragment {
  return sql`
    insert into passwords (user_id, hash, changed_at) select id, ${hash}::text, ${clock.now()}::timestamptz from ${source}`;
}

/** Removes a password with its history; false where there is none. */
export async function removePassword(tx: Tx, userId: string): Promise<boolean> {
  const deleted = await tx.run(sql`
    with forgotten as (delete from password_history where user_id = ${userId}::uuid)
    delete from passwords where user_id = ${userId}::uuid`);
  return deleted === 1;
}

/** Marks whether the password with this hash is weak; one that was set meanwhile is left alone. */
export function updateWeak(
  database: Sql,
  { userId, hash, weak }: { userId: string; hash: string; weak: boolean },
): Promise<number> {
  return database.run(sql`
    update passwords set weak = ${weak} where user_id = ${userId}::uuid and hash = ${hash} and weak <> ${weak}`);
}

/**
 * Unlinks every provider. The table is federation's, which itself imports this slice for the same rule: whatever was
 * set before an address was proven goes, whoever proves it.
 */
export function deleteIdentitiesOf(tx: Sql, userId: string): Promise<number> {
  return tx.run(sql`delete from identities where user_id = ${userId}::uuid`);
}

/** What lets somebody in besides the password. */
export async function waysLeft(database: Sql, userId: string): Promise<WaysLeft> {
  const id = sql`${userId}::uuid`;
  const ways = await database.row<WaysLeft>(sql`
    select
      (select count(*)::int from factors
        where user_id = ${id} and kind = 'passkey' and confirmed_at is not null) as passkeys,
      (select count(*)::int from identities where user_id = ${id}) as identities`);
  return ways as WaysLeft;
}

/** Stores, as they are, the hashes of new accounts that come from another program. */
export function importPasswords(
  tx: Tx,
  passwords: readonly { readonly userId: string; readonly hash: string }[],
  now: Date,
): Promise<number> {
  return tx.run(sql`
    insert into passwords (user_id, hash, changed_at)
    select user_id, hash, ${now}::timestamptz
    from unnest(${passwords.map(({ userId }) => userId)}::uuid[], ${passwords.map(({ hash }) => hash)}::text[])
      as p (user_id, hash)`);
}
