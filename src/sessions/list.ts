import type { Static } from 'typebox';
import { decodeCursor, INSTANT, type Page, pageOf, UUID } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { orNull, Type } from '../platform/json-schema.ts';
import type { UserPrincipal } from './principal.ts';
import { findLiveSessions } from './queries.ts';

/** A session as its user sees it. */
export const sessionBody = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'The `sid` of its access tokens.' }),
    ip: orNull(Type.String()),
    user_agent: orNull(Type.String()),
    created_at: Type.String({ format: 'date-time' }),
    last_seen_at: Type.String({ format: 'date-time', description: 'The last refresh.' }),
    expires_at: Type.String({ format: 'date-time' }),
    amr: Type.Array(Type.String(), { examples: [['pwd']] }),
    current: Type.Boolean(),
  },
  { title: 'Session' },
);

export type SessionBody = Static<typeof sessionBody>;

/** Where the user is logged in, the latest first. Refuses with 422 a cursor that this service did not make. */
export async function listSessions(
  { db, clock }: Deps,
  { userId, sessionId }: UserPrincipal,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<SessionBody>> {
  const after = decodeCursor(cursor, [INSTANT, UUID]);
  const rows = await findLiveSessions(db, { userId, now: clock.now(), after, limit: limit + 1 });
  return pageOf(rows, limit, {
    keyOf: ({ rotated_at, id }) => [rotated_at.toISOString(), id],
    present: row => ({
      id: row.id,
      ip: row.ip,
      user_agent: row.user_agent,
      created_at: row.created_at.toISOString(),
      last_seen_at: row.rotated_at.toISOString(),
      expires_at: row.expires_at.toISOString(),
      amr: row.amr,
      current: row.id === sessionId,
    }),
  });
}
