import type { Deps } from '../platform/deps.ts';
import type { UserPrincipal } from './principal.ts';
import { findLiveSessions } from './queries.ts';

export interface SessionBody {
  readonly id: string;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly created_at: string;
  /** The last refresh. */
  readonly last_seen_at: string;
  readonly expires_at: string;
  readonly amr: string[];
  readonly current: boolean;
}

/** Where the user is logged in, the latest first; at most 200. */
export async function listSessions({ db, clock }: Deps, principal: UserPrincipal): Promise<SessionBody[]> {
  const rows = await findLiveSessions(db, principal.userId, clock.now());
  return rows.map(row => ({
    id: row.id,
    ip: row.ip,
    user_agent: row.user_agent,
    created_at: row.created_at.toISOString(),
    last_seen_at: row.rotated_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    amr: row.amr,
    current: row.id === principal.sessionId,
  }));
}
