import { column, type Fragment, sql } from '../platform/sql.ts';
import type { EventRow } from './record.ts';

export function insertEventRow(row: EventRow, source?: Fragment): Fragment {
  return sql`
    insert into audit_events (id, created_at, type, outcome, reason, actor_kind, actor_id, user_id, session_id,
      request_id, data, personal_sealed)
    select ${row.id}::uuid, ${row.createdAt}::timestamptz, ${row.type}::text, ${row.outcome}::text, ${row.reason}::text,
      ${row.actorKind}::text, ${row.actorId}::uuid, ${row.userId}::uuid, ${row.sessionId}::uuid, ${row.requestId}::text,
      ${row.data}::jsonb, ${row.personalSealed}::bytea
    ${source === undefined ? sql`` : sql`from ${source}`}`;
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
