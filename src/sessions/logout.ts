import { type EventRow, insertEvent, insertEventsOf, prepareEvent } from '../audit/record.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { Problem } from '../platform/problems.ts';
import { type Joint, sql } from '../platform/sql.ts';
import { endSessions } from './end.ts';
import type { TokenPrincipal, UserPrincipal } from './principal.ts';
import { endSessionFragment, endSessionsFragment } from './queries.ts';

interface Logout {
  readonly sessionId: string;
  readonly userId: string;
  readonly jti: string;
  readonly now: Date;
  readonly event: EventRow;
}

const ending: Joint<Logout> = {
  key: ({ sessionId }) => sessionId,
  alone: ({ sessionId, now, event, ...token }) => sql`
    with ended as (${endSessionFragment({ sessionId, token, now, reason: 'logout' })}),
      ${insertEvent(event, sql`ended`)}
    select id from ended`,
  together: all => sql`
    with ended as (${endSessionsFragment(all, 'logout')}),
      ${insertEventsOf(
        all.map(({ event }) => event),
        sql`ended`,
      )}
    select id as key from ended`,
};

/**
 * Ends the session of the access token, in one statement: when it returns, every replica refuses the token and its session's
 * refresh tokens. Refuses with `token_revoked` if they were dead before, or if the session is somebody else's.
 */
export async function logout(deps: KeysDeps, { claims, caller }: TokenPrincipal): Promise<void> {
  const event = await prepareEvent(deps, {
    type: 'session.ended',
    outcome: 'success',
    reason: 'logout',
    actor: { kind: 'user', id: claims.sub },
    userId: claims.sub,
    sessionId: claims.sid,
    caller,
  });
  const ended = await deps.db.join(ending, {
    sessionId: claims.sid,
    userId: claims.sub,
    jti: claims.jti,
    now: deps.clock.now(),
    event,
  });
  if (ended === null) throw new Problem('token_revoked');
  await deps.cache.publishRevocation('sid', claims.sid, deps.config.tokens.accessLifetime);
}

/** Ends every session of the user and forgets every known device. */
export async function logoutEverywhere(deps: KeysDeps, principal: UserPrincipal): Promise<void> {
  await endSessions(deps, {
    userId: principal.userId,
    reason: 'logout_everywhere',
    actor: { kind: 'user', id: principal.userId },
    caller: principal.caller,
    forgetDevices: true,
  });
  await deps.cache.publishRevocation('user', principal.userId, deps.config.tokens.accessLifetime);
}
