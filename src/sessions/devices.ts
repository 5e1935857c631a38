import { recordEvent } from '../audit/record.ts';
import { decodeCursor, INSTANT, pageOf, UUID } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { actorOf } from '../rbac/granter.ts';
import { devicesOfUser, forgetDevice } from '../throttle/devices.ts';
import { endSessionsOf, publishEnded } from './end.ts';
import { lockOwnAccount } from './own-account.ts';
import type { UserPrincipal } from './principal.ts';

/** The devices known for the user's account, the latest first. Refuses with 422 a cursor that this service did not make. */
export async function listDevices(
  { db }: Deps,
  { userId, deviceId }: UserPrincipal,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
) {
  const after = decodeCursor(cursor, [INSTANT, UUID]);
  return pageOf(await devicesOfUser(db, userId, { after, limit: limit + 1 }), limit, {
    keyOf: ({ last_seen_at, id }) => [last_seen_at.toISOString(), id],
    present: ({ id, name, created_at, last_seen_at }) => ({
      id,
      name,
      created_at: created_at.toISOString(),
      last_seen_at: last_seen_at.toISOString(),
      current: id === deviceId,
    }),
  });
}

/**
 * Forgets a device, so that it counts as a stranger again, and ends its sessions; waits for a login that is just being let in
 * on it. Refuses with `token_revoked`, and with `device_not_found`, also for another person's device.
 */
export async function removeDevice(deps: Deps, principal: UserPrincipal, deviceId: string): Promise<void> {
  const { userId, caller } = principal;
  const actor = actorOf(principal);
  const verdict = await deps.db.transaction(async tx => {
    if ((await lockOwnAccount(tx, principal)) === null) return 'token_revoked';
    // Sessions first, as everywhere: two transactions that lock rows in different orders could wait for each other.
    const sessions = await endSessionsOf(deps, tx, {
      userId,
      deviceId,
      reason: 'device_removed',
      actor,
      caller,
    });
    const forgotten = await forgetDevice(tx, { userId, deviceId });
    // After a theft the device is forgotten already, but other sessions that were started on it may still be live.
    if (forgotten === 0 && sessions.length === 0) return 'device_not_found';
    await recordEvent(deps, tx, {
      type: 'device.removed',
      outcome: 'success',
      actor,
      userId,
      caller,
      data: { device: deviceId },
    });
    return sessions;
  });
  if (typeof verdict === 'string') throw new Problem(verdict);
  await publishEnded(deps, verdict);
}
