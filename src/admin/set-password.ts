import type { Account } from '../accounts/account.ts';
import { lockAccount } from '../accounts/find.ts';
import { recordEvent } from '../audit/record.ts';
import { enqueueMail } from '../delivery/enqueue.ts';
import { setPassword } from '../passwords/set.ts';
import { voidWaysIn } from '../passwords/void-ways-in.ts';
import type { Deps } from '../platform/deps.ts';
import { actorOfGranter, type Granter } from '../rbac/granter.ts';
import { endSessionsOf, publishEnded } from '../sessions/end.ts';
import { unlockAccount } from '../throttle/lockout.ts';

/**
 * Sets a password at the operator's hand, for who cannot be reached by mail: every session ends, open links die, a lock is
 * lifted, and the owner is told. No route does this.
 */
export async function setPasswordOf(
  deps: Deps,
  granter: Granter & { kind: 'operator' },
  { account, hash }: { account: Account; hash: string },
): Promise<void> {
  const userId = account.id;
  const actor = actorOfGranter(granter);
  const ended = await deps.db.transaction(async tx => {
    await lockAccount(tx, userId);
    await setPassword(deps, tx, { userId, hash });
    await voidWaysIn(deps, tx, userId);
    await unlockAccount(tx, userId);
    await recordEvent(deps, tx, { type: 'password.set', outcome: 'success', actor, userId, caller: null });
    await enqueueMail(deps, tx, { template: 'password-changed', to: account.email, userId });
    return endSessionsOf(deps, tx, {
      userId,
      reason: 'password_set',
      actor,
      caller: null,
      forgetDevices: true,
    });
  });
  await publishEnded(deps, ended);
}
