import type { Caller } from '../platform/caller.ts';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import type { EventType } from './event-type.ts';
import { type SealedFields, sealFields } from './personal-fields.ts';
import { insertEachEvent, insertEventsOf } from './queries.ts';

export { insertEventsOf } from './queries.ts';

export type Outcome = 'success' | 'failure' | 'refusal';

/** Who did it. */
export interface Actor {
  readonly kind: 'user' | 'client' | 'operator' | 'system' | 'anonymous';
  readonly id?: string;
}

export const anonymous: Actor = { kind: 'anonymous' };
export const system: Actor = { kind: 'system' };
/** Whoever runs the command line. */
export const operator: Actor = { kind: 'operator' };

/** Something that happened, as a slice reports it (ASVS 16.2.1, 16.3). */
export interface AuditEvent {
  readonly type: EventType;
  readonly outcome: Outcome;
  /** A word, not a sentence: why it failed or was refused. */
  readonly reason?: string;
  readonly actor: Actor;
  /** Whom it concerns. */
  readonly userId?: string | null;
  readonly sessionId?: string | null;
  readonly caller: Caller | null;
  /** Never personal: it outlives an erasure. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Sealed, with the address and the user agent: unreadable once the person whom it concerns is removed. */
  readonly personal?: Readonly<Record<string, unknown>>;
}

/** An event that is ready to be written. */
export interface EventRow {
  readonly id: string;
  readonly createdAt: Date;
  readonly type: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly actorKind: Actor['kind'];
  readonly actorId: string | null;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly requestId: string | null;
  readonly data: string;
  readonly personal: SealedFields | null;
}

/** Writes an event in the transaction of its cause. */
export async function recordEvent(deps: Deps, tx: Sql, event: AuditEvent): Promise<void> {
  await tx.run(sql`with ${insertEvent(await prepareEvent(deps, event, tx))} select`);
}

/** Writes many events about accounts in one statement, in the transaction of their cause. */
export async function recordEvents(deps: Deps, tx: Sql, events: readonly AuditEvent[]): Promise<void> {
  const rows: EventRow[] = [];
  for (const event of events) rows.push(await prepareEvent(deps, event, tx));
  await tx.run(sql`with ${insertEventsOf(rows)} select`);
}

/** Seals an event's personal fields, for a statement that writes it with its cause; see `insertEvent`. */
export async function prepareEvent(
  deps: Deps,
  event: AuditEvent,
  database: Sql = deps.db,
): Promise<EventRow> {
  const id = deps.random.uuid();
  const { caller } = event;
  const personal = {
    ...(caller !== null && { ip: caller.ip, user_agent: caller.userAgent }),
    ...event.personal,
  };
  return {
    id,
    createdAt: deps.clock.now(),
    type: event.type,
    outcome: event.outcome,
    reason: event.reason ?? null,
    actorKind: event.actor.kind,
    actorId: event.actor.id ?? null,
    userId: event.userId ?? null,
    sessionId: event.sessionId ?? null,
    requestId: caller?.requestId ?? null,
    data: JSON.stringify(event.data ?? {}),
    personal:
      Object.keys(personal).length === 0
        ? null
        : await sealFields(deps, database, { eventId: id, plaintext: JSON.stringify(personal) }),
  };
}

/**
 * CTEs, one of them named `event`, that write the event, or each of several, for each row of the source. They go after a `with`
 * or a comma in the statement that brings the cause about.
 */
export function insertEvent(row: EventRow | readonly [EventRow, ...EventRow[]], source?: Fragment): Fragment {
  return insertEachEvent('id' in row ? [row] : row, source);
}
