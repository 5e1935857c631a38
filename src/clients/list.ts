import { decodeCursor, type Page, pageOf, UUID } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { type ClientBody, presentClient } from './client.ts';
import { listClientRows } from './queries.ts';

/** A page of service clients, the oldest first. Refuses a cursor that is not ours with 422. */
export async function listClients(
  { db }: Deps,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<ClientBody>> {
  const [after = null] = decodeCursor(cursor, [UUID]) ?? [];
  const rows = await listClientRows(db, { after, limit: limit + 1 });
  return pageOf(rows, limit, { keyOf: ({ id }) => [id], present: presentClient });
}
