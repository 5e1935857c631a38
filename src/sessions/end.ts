import { type Actor, recordEvents } from '../audit/record.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { forgetDevicesOf } from '../throttle/devices.ts';
import type { UserPrincipal } from './principal.ts';
import { type EndedSession, endSessionsOfUser } from './queries.ts';

export { type EndedSession, sweepSessions } from './queries.ts';

export interface Ending {
  readonly userId: string;
  /** Only this one. */
  readonly sessionId?: string | undefined;
  /** All but this one. */
  readonly exceptSessionId?: string | undefined;
  /** Only those that were started on this device. */
  readonly deviceId?: string | undefined;
  /** A word of the audit trail: `password_changed`, `administrator`, … */
  readonly reason: string;
  readonly actor: Actor;
  readonly caller: Caller | null;
  /** Also forget the devices that had logged in, so that they count as strangers again. */
  readonly forgetDevices?: boolean;
}

// A robot that logs in for each of its requests has a hundred thousand sessions. A slice of them is small enough that no
// statement takes long, that others are served between two, and that Redis writes it within one command timeout.
const AT_ONCE = 200;

/** Ends sessions of a user in the caller's transaction, with one audit event each; returns those that it ended. */
export async function endSessionsOf(deps: Deps, tx: Tx, ending: Ending): Promise<readonly EndedSession[]> {
  const ended = await endSessionsOfUser(tx, { ...ending, now: deps.clock.now() });
  if (ending.forgetDevices === true) await forgetDevicesOf(tx, ending.userId);
  for (const sessions of slicesOf(ended)) {
    await recordEvents(
      deps,
      tx,
      sessions.map(({ id }) => ({
        type: 'session.ended',
        outcome: 'success',
        reason: ending.reason,
        actor: ending.actor,
        userId: ending.userId,
        sessionId: id,
        caller: ending.caller,
      })),
    );
  }
  return ended;
}

/** Tells Redis, where it is configured, that sessions have ended. Call it after the commit and before the answer. */
export async function publishEnded({ cache, config }: Deps, ended: readonly EndedSession[]): Promise<void> {
  for (const sessions of slicesOf(ended)) {
    await Promise.all(
      sessions.map(({ id }) => cache.publishRevocation('sid', id, config.tokens.accessLifetime)),
    );
  }
}

function* slicesOf(ended: readonly EndedSession[]): Generator<readonly EndedSession[]> {
  for (let at = 0; at < ended.length; at += AT_ONCE) yield ended.slice(at, at + AT_ONCE);
}

/** Ends sessions of a user in a transaction of its own: when it resolves, their end is committed and Redis has been told. */
export async function endSessions(deps: Deps, ending: Ending): Promise<readonly EndedSession[]> {
  const ended = await deps.db.transaction(tx => endSessionsOf(deps, tx, ending));
  await publishEnded(deps, ended);
  return ended;
}

/** Ends one of the caller's own sessions. Refuses with `session_not_found`, also for somebody else's session. */
export async function endOwnSession(deps: Deps, principal: UserPrincipal, sessionId: string): Promise<void> {
  const ended = await endSessions(deps, {
    userId: principal.userId,
    sessionId,
    reason: 'ended_by_user',
    actor: { kind: 'user', id: principal.userId },
    caller: principal.caller,
  });
  if (ended.length === 0) throw new Problem('session_not_found');
}
