import { jsonLine } from '../platform/command-world.ts';
import type { Deps } from '../platform/deps.ts';
import { presentEvents } from './present.ts';
import { type EventFilter, findEvents, type Place, type StoredEvent } from './read-queries.ts';

const PAGE = 1_000;

/**
 * Every event that matches, the oldest first, one JSON object a line (NDJSON), a page at a time. `sealed` gives the
 * columns as they are stored, ciphertext included, from which the hashes of docs/audit.md can be computed elsewhere.
 */
export async function* exportEvents(
  deps: Deps,
  filter: EventFilter,
  { sealed = false }: { sealed?: boolean } = {},
): AsyncGenerator<string> {
  let after: Place | null = null;
  for (;;) {
    const events: StoredEvent[] = await findEvents(deps.db, {
      filter,
      after,
      limit: PAGE,
      oldestFirst: true,
    });
    const lines = sealed ? events.map(presentSealed) : await presentEvents(deps, events);
    for (const line of lines) yield `${jsonLine(line)}\n`;
    const last = events.at(-1);
    if (last === undefined || events.length < PAGE) return;
    after = { createdUs: last.created_us, id: last.id };
  }
}

function presentSealed({ created_at: _at, personal_sealed, ...event }: StoredEvent): object {
  return { ...event, personal_sealed: personal_sealed?.toString('hex') ?? null };
}
