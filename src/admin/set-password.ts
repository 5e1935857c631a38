import type { Account } from '../accounts/account.ts';
import { lockAccount } from '../accounts/find.ts';
import { recordEvent } from '../audit/record.ts';
import { enqueueMail } from '../delivery/enqueue.ts';
import { setPassword } from '../passwords/set.ts';
import { voidWaysIn } from '../passwords/void-ways-in.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { actorOf, type Granter } from '../rbac/granter.ts';
import { endSessionsOf, publishEnded } from '../sessions/end.ts';
import { liftLock } from '../throttle/lift-lock.ts';

/**
 * Sets a password for the operator, for somebody who cannot be reached by mail: every session ends, open links die, a
 * lock is lifted, and the owner is told at the address that the account has by then. No route does this. Refuses with
 * `user_not_found` where the account was removed meanwhile.
 */
export async function setPasswordOf(
  deps: Deps,
  granter: Granter & { kind: 'operator' },
  { account: { id: userId }, hash }: { account: Pick<Account, 'id'>; hash: string },
): Promise<void> {
  const actor = actorOf(granter);
  const ended = await deps.db.transaction(async tx => {
    const present = await lockAccount(tx, userId);
    if (present === null) return null;
    await setPassword(deps, tx, { userId, hash });
    await voidWaysIn(deps, tx, userId);
    await liftLock(deps, tx, { userId, reason: 'password_set', actor, caller: null });
    await recordEvent(deps, tx, { type: 'password.set', outcome: 'success', actor, userId, caller: null });
    await enqueueMail(deps, tx, { template: 'password-changed', to: present.email, userId });
    return endSessionsOf(deps, tx, {
      userId,
      reason: 'password_set',
      actor,
      caller: null,
      forgetDevices: true,
    });
  });
  if (ended === null) throw new Problem('user_not_found');
  await publishEnded(deps, ended);
}
