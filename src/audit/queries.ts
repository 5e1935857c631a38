import { column, type Fragment, sql } from '../platform/sql.ts';
import type { EventRow } from './record.ts';

/** Each of these events for each row of the source, or once where there is none. */
export function insertEachEvent(
  [first, ...others]: readonly [EventRow, ...EventRow[]],
  source?: Fragment,
): Fragment {
  const events = others.reduce(
    (list, event) => sql`${list}, (${valuesOf(event)})`,
    sql`(${valuesOf(first)})`,
  );
  return sql`
    insert into audit_events (id, created_at, type, outcome, reason, actor_kind, actor_id, user_id, session_id,
      request_id, data, personal_sealed)
    select event.* from (values ${events}) as event ${source === undefined ? sql`` : sql`cross join ${source}`}`;
}

function valuesOf(event: EventRow): Fragment {
  return sql`${event.id}::uuid, ${event.createdAt}::timestamptz, ${event.type}::text, ${event.outcome}::text,
      ${event.reason}::text, ${event.actorKind}::text, ${event.actorId}::uuid, ${event.userId}::uuid,
      ${event.sessionId}::uuid, ${event.requestId}::text, ${event.data}::jsonb, ${event.personalSealed}::bytea`;
}

/** One event for each row. With a `source`, whose rows have an `id`: for each whose session is among them. */
export function insertEventRows(rows: readonly EventRow[], source?: Fragment): Fragment {
  const all = (pick: (row: EventRow) => unknown) =>
    source === undefined ? rows.map(pick) : column(rows, pick);
  return sql`
    insert into audit_events (id, created_at, type, outcome, reason, actor_kind, actor_id, user_id, session_id,
      request_id, data, personal_sealed)
    select event.* from unnest(${all(row => row.id)}::uuid[], ${all(row => row.createdAt)}::timestamptz[],
      ${all(row => row.type)}::text[], ${all(row => row.outcome)}::text[], ${all(row => row.reason)}::text[],
      ${all(row => row.actorKind)}::text[], ${all(row => row.actorId)}::uuid[], ${all(row => row.userId)}::uuid[],
      ${all(row => row.sessionId)}::uuid[], ${all(row => row.requestId)}::text[], ${all(row => row.data)}::jsonb[],
      ${all(row => row.personalSealed)}::bytea[]) as event (id, created_at, type, outcome, reason, actor_kind,
      actor_id, user_id, session_id, request_id, data, personal_sealed)
    ${source === undefined ? sql`` : sql`join ${source} on ${source}.id = event.session_id`}`;
}
