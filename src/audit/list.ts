import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { type EventBody, presentEvents } from './present.ts';
import { type EventFilter, findEvents, type Place } from './read-queries.ts';

export interface Page {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** The events that match, the newest first. Refuses a cursor that is not one of ours with 422. */
export async function listEvents(
  deps: Deps,
  filter: EventFilter,
  { limit, cursor }: Page,
): Promise<{ items: EventBody[]; next_cursor: string | null }> {
  const after = cursor === undefined ? null : readCursor(cursor);
  const found = await findEvents(deps.db, { filter, after, limit: limit + 1 });
  const events = found.slice(0, limit);
  const last = found.length > limit ? events.at(-1) : undefined;
  return {
    items: await presentEvents(deps, events),
    next_cursor: last === undefined ? null : writeCursor({ createdUs: last.created_us, id: last.id }),
  };
}

/** A person's own history. Where somebody else acted, their address and device are theirs, and stay out. */
export async function listActivity(
  deps: Deps,
  userId: string,
  page: Page,
): Promise<{ items: EventBody[]; next_cursor: string | null }> {
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
const CURSOR = /^(-?\d{1,17})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function writeCursor({ createdUs, id }: Place): string {
  return Buffer.from(`${createdUs}.${id}`).toString('base64url');
}

function readCursor(cursor: string): Place {
  const [, createdUs, id] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (createdUs === undefined || id === undefined)
    throw new Problem('validation_failed', {
      issues: [
        { type: 'value_error', loc: ['query', 'cursor'], msg: 'This is not a cursor of this service' },
      ],
    });
  return { createdUs, id };
}
