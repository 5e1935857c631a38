import { decodeCursor, type Page, pageOf, UUID } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { type EventBody, presentEvents } from './present.ts';
import { type EventFilter, findEvents, type Place } from './read-queries.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** The events that match, the newest first. Refuses a cursor that is not one of ours with 422. */
export async function listEvents(
  deps: Deps,
  filter: EventFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<EventBody>> {
  const found = await findEvents(deps.db, { filter, after: placeOf(cursor), limit: limit + 1 });
  const { items, next_cursor } = pageOf(found, limit, {
    keyOf: ({ created_us, id }) => [created_us, id],
    present: event => event,
  });
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

// Microseconds since 1970, of the years that the database knows.
const MICROSECONDS = /^-?\d{1,17}$/;

function placeOf(cursor: string | undefined): Place | null {
  const key = decodeCursor(cursor, [MICROSECONDS, UUID]);
  return key === null ? null : { createdUs: key[0] as string, id: key[1] as string };
}
