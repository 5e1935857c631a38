import { lockAccount } from '../accounts/find.ts';
import { recordEvent } from '../audit/record.ts';
import { consumeChallenge, findChallenge } from '../challenges/consume.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { endSessionsOf, publishEnded } from '../sessions/end.ts';
import { removePassword } from './set.ts';
import { voidWaysIn } from './void-ways-in.ts';

/**
 * Removes a password with the link that its owner was mailed when a provider was linked (docs/accounts.md). Sessions
 * and half-finished sign-ins end with it, and known devices are forgotten. Works once; refuses with `invalid_link`.
 */
export async function removeByLink(deps: Deps, caller: Caller, token: string): Promise<void> {
  const link = { purpose: 'remove-password', token } as const;
  const found = await findChallenge(deps, deps.db, link);
  if (found === null || found.userId === null) throw new Problem('invalid_link');
  const { userId } = found;
  const ended = await deps.db.transaction(async tx => {
    const account = await lockAccount(tx, userId);
    const challenge = await consumeChallenge(deps, tx, link);
    if (account === null || challenge?.sentTo !== account.email) return null;
    const actor = { kind: 'user', id: userId } as const;
    if (!(await removePassword(tx, userId))) return [];
    await voidWaysIn(deps, tx, userId);
    await recordEvent(deps, tx, {
      type: 'password.removed',
      outcome: 'success',
      reason: 'mailed_link',
      actor,
      userId,
      caller,
    });
    await enqueueMail(deps, tx, {
      template: 'password-removed',
      to: account.email,
      userId,
      params: { name: account.first_name, ...whereOf(caller, deps.clock.now()) },
    });
    return endSessionsOf(deps, tx, {
      userId,
      reason: 'password_removed',
      actor,
      caller,
      forgetDevices: true,
    });
  });
  if (ended === null) throw new Problem('invalid_link');
  await publishEnded(deps, ended);
}
