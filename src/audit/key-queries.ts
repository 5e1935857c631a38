import type { Sql } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';

/** What is stored to open the personal fields of the events about somebody. */
export interface EventKeys {
  readonly user_id: string;
  /** Null if the person was erased, or if no event has concerned them since keys are in shares. */
  readonly secret: Buffer | null;
  /** What their events were sealed under before that; in the row of the nil UUID, the key of the trail. */
  readonly key_sealed: Buffer | null;
}

/** A secret for somebody who has none, as an SQL expression: 244 random bits. */
export const freshSecret: Fragment = sql`uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())`;

/**
 * Whether the person's secret exists or was erased for good, as an SQL expression. If neither, an event about them makes the
 * secret, and waits for whoever is making or erasing it: so it must not be written in one statement with events about other
 * people, who would all wait.
 */
export const hasSettledSecret = (userId: Fragment): Fragment => sql`
  (select k.secret is not null or k.erased_at is not null from audit_keys k where k.user_id = ${userId} limit 1)`;

/**
 * The sealed key of the trail; if there is none yet, made of `fresh`, with nobody's secret. Of several makers at once, one
 * wins.
 */
export async function ensureTrailKey(
  database: Sql,
  nobody: string,
  fresh: Buffer,
  now: Date,
): Promise<Buffer> {
  const row = await database.row<{ key_sealed: Buffer }>(sql`
    insert into audit_keys (user_id, key_sealed, secret, created_at)
    values (${nobody}::uuid, ${fresh}::bytea, ${freshSecret}, ${now}::timestamptz)
    on conflict (user_id) do update set key_sealed = coalesce(audit_keys.key_sealed, excluded.key_sealed),
      secret = coalesce(audit_keys.secret, excluded.secret)
    returning key_sealed`);
  return (row as { key_sealed: Buffer }).key_sealed;
}

/** The keys of these people; no row for a person about whom no event has had personal fields. */
export function findPersonKeys(database: Sql, userIds: readonly string[]): Promise<EventKeys[]> {
  return database.rows(sql`
    select user_id, secret, key_sealed from audit_keys where user_id = any(${userIds}::uuid[])`);
}

/** Leaves a row without a secret, so that no later event makes another. */
export function erasePersonKey(database: Sql, userId: string, now: Date): Promise<number> {
  return database.run(sql`
    insert into audit_keys (user_id, created_at, erased_at)
    values (${userId}::uuid, ${now}::timestamptz, ${now}::timestamptz)
    on conflict (user_id) do update set secret = null, key_sealed = null, erased_at = excluded.erased_at
    where audit_keys.erased_at is null`);
}

/** Which of these people were erased. */
export async function selectErased(database: Sql, userIds: readonly string[]): Promise<string[]> {
  const rows = await database.rows<{ user_id: string }>(sql`
    select user_id from audit_keys where user_id = any(${userIds}::uuid[]) and erased_at is not null`);
  return rows.map(({ user_id }) => user_id);
}

/**
 * Which of these people, whose events no key opens, were not removed as far as the trail says. Nobody's key is treated like
 * that of an account.
 */
export async function findLostKeys(database: Sql, userIds: readonly string[]): Promise<string[]> {
  const rows = await database.rows<{ user_id: string }>(sql`
    select closed.user_id
    from unnest(${userIds}::uuid[]) as closed (user_id) left join audit_keys k on k.user_id = closed.user_id
    where k.user_id is null or not exists (
      select from audit_events d
      where d.user_id = closed.user_id and d.type = 'user.deleted' and d.outcome = 'success')
    order by closed.user_id`);
  return rows.map(({ user_id }) => user_id);
}

/** An event with personal fields, and the keys that should open them: none where they are gone. */
export interface KeyedEvent extends EventKeys {
  readonly id: string;
  /** When it happened, as PostgreSQL writes it: exact, however far away. */
  readonly at: string;
  readonly personal_sealed: Buffer;
  /**
   * No key opens it, and retention does not explain that. Retention may have dropped a removal with the events before it, and
   * kept only what was written while the removal went on.
   */
  readonly is_closed: boolean;
}

/** A page of the events with personal fields, the oldest first. */
export function findKeyedEvents(
  database: Sql,
  {
    nobody,
    prunedBefore,
    after,
    limit,
  }: { nobody: string; prunedBefore: Date | null; after: KeyedEvent | null; limit: number },
): Promise<KeyedEvent[]> {
  const rest =
    after === null ? sql`` : sql`and (created_at, id) > (${after.at}::timestamptz, ${after.id}::uuid)`;
  return database.rows(sql`
    select e.id, e.created_at::text as at, e.personal_sealed,
      coalesce(e.user_id, ${nobody}::uuid) as user_id, k.secret, k.key_sealed,
      k.secret is null and k.key_sealed is null
        and (k.erased_at < ${prunedBefore}::timestamptz and e.created_at < k.erased_at + interval '1 hour') is not true
        as is_closed
    from (
      select id, created_at, user_id, personal_sealed from audit_events
      where personal_sealed is not null ${rest} order by created_at, id limit ${limit}::int) e
    left join audit_keys k on k.user_id = coalesce(e.user_id, ${nobody}::uuid)
    order by e.created_at, e.id`);
}
