import { column, Fragment, sql } from '../platform/sql.ts';
import { freshSecret } from './key-queries.ts';
import { NOBODY } from './personal-fields.ts';
import type { EventRow } from './record.ts';

/** CTEs that write each of these events for each row of the source, or once if there is no source. */
export function insertEachEvent(
  [first, ...others]: readonly [EventRow, ...EventRow[]],
  source?: Fragment,
): Fragment {
  const events = others.reduce(
    (list, event) => sql`${list}, (${valuesOf(event)})`,
    sql`(${valuesOf(first)})`,
  );
  return insertHappening(sql`
    (values ${events}) as event (${names}) ${source === undefined ? sql`` : sql`cross join ${source}`}`);
}

function valuesOf(event: EventRow): Fragment {
  return sql`${event.id}::uuid, ${event.createdAt}::timestamptz, ${event.type}::text, ${event.outcome}::text,
      ${event.reason}::text, ${event.actorKind}::text, ${event.actorId}::uuid, ${event.userId}::uuid,
      ${event.sessionId}::uuid, ${event.requestId}::text, ${event.data}::jsonb, ${event.personal?.seed ?? null}::bit(128),
      ${event.personal?.sealed ?? null}::bytea`;
}

/** One event for each of `rows`; with a `source`, only for those whose session is the `id` of one of its rows. */
export function insertEventsOf(rows: readonly EventRow[], source?: Fragment): Fragment {
  const all = (pick: (row: EventRow) => unknown) =>
    source === undefined ? rows.map(pick) : column(rows, pick);
  return insertHappening(sql`
    unnest(${all(row => row.id)}::uuid[], ${all(row => row.createdAt)}::timestamptz[],
      ${all(row => row.type)}::text[], ${all(row => row.outcome)}::text[], ${all(row => row.reason)}::text[],
      ${all(row => row.actorKind)}::text[], ${all(row => row.actorId)}::uuid[], ${all(row => row.userId)}::uuid[],
      ${all(row => row.sessionId)}::uuid[], ${all(row => row.requestId)}::text[], ${all(row => row.data)}::jsonb[],
      ${all(row => row.personal?.seed ?? null)}::bit(128)[], ${all(row => row.personal?.sealed ?? null)}::bytea[]) as event (${names})
    ${source === undefined ? sql`` : sql`join ${source} on ${source}.id = event.session_id`}`);
}

const nobody = new Fragment([`'${NOBODY}'::uuid`], []);
const names = sql`id, created_at, type, outcome, reason, actor_kind, actor_id, user_id, session_id, request_id, data,
      seed, sealed`;

/**
 * Writes what happened. Each event carries one share of its key: the seed, XORed with a hash of the person's secret and the
 * event's id. The first event that needs the secret makes it. An erased person has none, so the fields are left out.
 */
function insertHappening(events: Fragment): Fragment {
  return sql`
    happening as (
      select event.*, whose.id as whose, kept.secret, kept.erased_at
      from ${events} cross join lateral (select coalesce(event.user_id, ${nobody}) as id) as whose
      left join lateral (
        select k.secret, k.erased_at from audit_keys k where k.user_id = whose.id limit 1) as kept on true),
    made as (
      insert into audit_keys (user_id, secret, created_at)
      select whose, ${freshSecret}, min(created_at)
      from happening where sealed is not null and secret is null and erased_at is null
      group by whose order by whose
      on conflict (user_id) do update
        set secret = case when audit_keys.erased_at is null then coalesce(audit_keys.secret, excluded.secret) end
      returning user_id, secret),
    event as (
      insert into audit_events (id, created_at, type, outcome, reason, actor_kind, actor_id, user_id, session_id,
        request_id, data, personal_sealed)
      select h.id, h.created_at, h.type, h.outcome, h.reason, h.actor_kind, h.actor_id, h.user_id, h.session_id,
        h.request_id, h.data, substr(bit_send(h.seed # ('x' || left(encode(sha256(
          coalesce(h.secret, (select made.secret from made where made.user_id = h.whose)) || uuid_send(h.id)
        ), 'hex'), 32))::bit(128)), 5) || h.sealed
      from happening h)`;
}
