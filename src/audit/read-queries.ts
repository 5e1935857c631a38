import type { Sql } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { eventMicroseconds } from './canonical.ts';
import type { Actor, Outcome } from './record.ts';
import { readableTime, timeOfMicroseconds } from './times.ts';

/** An event as it is stored. Times are microseconds since 1970, as PostgreSQL holds them; 64-bit ids are text. */
export interface StoredEvent {
  readonly id: string;
  readonly created_at: Date;
  readonly created_us: string;
  readonly epoch: number;
  readonly transaction_id: string;
  readonly type: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly actor_kind: Actor['kind'];
  readonly actor_id: string | null;
  readonly user_id: string | null;
  readonly session_id: string | null;
  readonly request_id: string | null;
  /** The text of the JSON, as PostgreSQL writes it. */
  readonly data: string;
  readonly personal_sealed: Buffer | null;
}

export const eventColumns: Fragment = sql`e.id, ${readableTime(sql`e.created_at`)} as created_at,
  ${eventMicroseconds}::text as created_us, e.epoch,
  e.transaction_id::text as transaction_id, e.type, e.outcome, e.reason, e.actor_kind, e.actor_id, e.user_id,
  e.session_id, e.request_id, e.data::text as data, e.personal_sealed`;

export interface EventFilter {
  readonly userId?: string | undefined;
  /** What this person did that concerns somebody else, or nobody. */
  readonly actsOf?: string | undefined;
  readonly type?: string | undefined;
  /** Not before. */
  readonly from?: Date | undefined;
  /** Before. */
  readonly to?: Date | undefined;
}

/** Where a page ended: the last event of it. */
export interface Place {
  readonly createdUs: string;
  readonly id: string;
}

/** A page of events, the newest first, or the oldest first for an export. */
export function findEvents(
  database: Sql,
  {
    filter,
    after,
    limit,
    oldestFirst = false,
  }: { filter: EventFilter; after: Place | null; limit: number; oldestFirst?: boolean },
): Promise<StoredEvent[]> {
  const { userId, actsOf, type, from, to } = filter;
  const placed =
    after === null
      ? sql``
      : sql`and (e.created_at, e.id) ${oldestFirst ? sql`>` : sql`<`}
          (${timeOfMicroseconds(sql`${after.createdUs}::bigint`)}, ${after.id}::uuid)`;
  return database.rows(sql`
    select ${eventColumns} from audit_events e
    where true
      ${userId === undefined ? sql`` : sql`and e.user_id = ${userId}::uuid`}
      ${actsOf === undefined ? sql`` : sql`and e.actor_id = ${actsOf}::uuid and e.actor_kind = 'user' and e.actor_id is distinct from e.user_id`}
      ${type === undefined ? sql`` : sql`and e.type = ${type}::text`}
      ${from === undefined ? sql`` : sql`and e.created_at >= ${from}::timestamptz`}
      ${to === undefined ? sql`` : sql`and e.created_at < ${to}::timestamptz`}
      ${placed}
    order by ${oldestFirst ? sql`e.created_at, e.id` : sql`e.created_at desc, e.id desc`}
    limit ${limit}::int`);
}
