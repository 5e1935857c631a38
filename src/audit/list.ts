import { decodeCursor, type Page, pageOf, UUID } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { type EventBody, presentEvents } from './present.ts';
import { type EventFilter, findEvents, type Place, type StoredEvent } from './read-queries.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** The events that match, the newest first. Refuses a cursor that is not one of ours with 422. */
export async function listEvents(
  deps: Deps,
  filter: EventFilter,
  page: PageRequest,
): Promise<Page<EventBody>> {
  const { items, next_cursor } = await findPage(deps, filter, page);
  return { items: await presentEvents(deps, items), next_cursor };
}

/** A person's own history. If somebody else acted, that actor's address and device are left out. */
export async function listActivity(deps: Deps, userId: string, page: PageRequest): Promise<Page<EventBody>> {
  const { items, next_cursor } = await listEvents(deps, { userId }, page);
  return {
    items: items.map(event =>
      event.actor.kind === 'anonymous' || event.actor.id === userId
        ? event
        : { ...event, ip: null, user_agent: null },
    ),
    next_cursor,
  };
}

/** Something that a person did to others, or to what belongs to nobody. */
export type Act = Pick<EventBody, 'id' | 'type' | 'created_at' | 'outcome' | 'reason'>;

/**
 * What a person did that does not concern themselves. All else that such an event holds may be another person's: whom it
 * concerns, and even the address, as of an invitation that is accepted later.
 */
export async function listActs(deps: Deps, userId: string, page: PageRequest): Promise<Page<Act>> {
  const { items, next_cursor } = await findPage(deps, { actsOf: userId }, page);
  return {
    items: items.map(({ id, type, created_at, outcome, reason }) => ({
      id,
      type,
      created_at: created_at.toISOString(),
      outcome,
      reason,
    })),
    next_cursor,
  };
}

async function findPage(
  { db }: Deps,
  filter: EventFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<StoredEvent>> {
  const found = await findEvents(db, { filter, after: placeOf(cursor), limit: limit + 1 });
  return pageOf(found, limit, {
    keyOf: ({ created_us, id }) => [created_us, id],
    present: event => event,
  });
}

// Microseconds since 1970, of the years that the database knows.
const MICROSECONDS = /^-?\d{1,17}$/;

function placeOf(cursor: string | undefined): Place | null {
  const key = decodeCursor(cursor, [MICROSECONDS, UUID]);
  return key === null ? null : { createdUs: key[0] as string, id: key[1] as string };
}
