import { toldName } from '../accounts/told-name.ts';
import { recordEvent } from '../audit/record.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { Deps } from '../platform/deps.ts';
import { invalid, Problem } from '../platform/problems.ts';
import { endSessionsOf, publishEnded } from '../sessions/end.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { recordFailedAttempt } from '../throttle/failed-attempt.ts';
import { type Attempt, checkOrGiveBack, forgive, takeAttempt } from '../throttle/lockout.ts';
import { ownerOf } from './own-words.ts';
import { isSamePassword, requirePolicy } from './policy.ts';
import { selectPassword } from './queries.ts';
import { refuseUsedBefore, setPassword } from './set.ts';
import { reportUnusable } from './unusable-hash.ts';
import { voidWaysIn } from './void-ways-in.ts';

export interface Change {
  readonly current: string;
  readonly password: string;
  readonly confirmation: string;
}

/**
 * Replaces the caller's password. Every other session ends, and with them open ways in and a pending change of address,
 * which somebody else may have begun. The current password is checked on the account's lockout counters. Refuses with
 * `no_password`, `too_many_attempts`, `wrong_password`, and with `validation_failed` where the new one breaks the
 * policy, was used before, or differs from its confirmation.
 */
export async function changePassword(
  deps: Deps,
  principal: UserPrincipal,
  { current, password, confirmation }: Change,
): Promise<void> {
  const { db, hasher } = deps;
  const { userId, account, caller, sessionId } = principal;
  const member = 'new_password';
  if (!isSamePassword(password, confirmation)) {
    throw invalid('confirm_new_password', 'passwords_differ', 'The two passwords differ.');
  }
  await requirePolicy(deps, { password, member, owner: ownerOf(account), caller });

  const stored = await selectPassword(db, userId);
  if (stored === null) throw new Problem('no_password');
  const attempt = await takeAttempt(deps, db, { userId, deviceId: principal.deviceId });
  const matches = await checkOrGiveBack(deps, attempt, () =>
    hasher.verify(stored.hash, current, caller.hungUp),
  );
  if (!matches) {
    reportUnusable(deps, caller, userId, stored.hash);
    return refuse(deps, principal, attempt);
  }
  await forgive(db, attempt);
  await refuseUsedBefore(deps, caller, { userId, password, member });
  const hash = await hasher.hash(password, caller.hungUp);

  const ended = await db.transaction(async tx => {
    const present = await lockOwnAccount(tx, principal);
    if (present === null) return 'token_revoked';
    if (!(await setPassword(deps, tx, { userId, hash, replacing: stored.changed_at }))) return null;
    const actor = { kind: 'user', id: userId } as const;
    // A link that removes the password stays: it was mailed to the owner, and the caller may be somebody else.
    await voidWaysIn(deps, tx, userId, { except: 'remove-password' });
    await recordEvent(deps, tx, {
      type: 'password.changed',
      outcome: 'success',
      actor,
      userId,
      sessionId,
      caller,
    });
    await enqueueMail(deps, tx, {
      template: 'password-changed',
      to: present.email,
      userId,
      params: { ...toldName(present), ...whereOf(caller, deps.clock.now()) },
    });
    return endSessionsOf(deps, tx, {
      userId,
      exceptSessionId: sessionId,
      reason: 'password_changed',
      actor,
      caller,
    });
  });
  if (ended === 'token_revoked') throw new Problem(ended);
  // Of two simultaneous changes, the second was asked with a password that is no longer the current one.
  if (ended === null) return refuse(deps, principal, attempt);
  await publishEnded(deps, ended);
}

async function refuse(deps: Deps, principal: UserPrincipal, attempt: Attempt): Promise<never> {
  const { account, userId, sessionId, caller } = principal;
  const reason = 'wrong_password';
  await recordFailedAttempt(
    deps,
    {
      type: 'password.refused',
      outcome: 'failure',
      reason,
      actor: { kind: 'user', id: userId },
      userId,
      sessionId,
      caller,
    },
    { ...attempt, email: account.email },
  );
  throw new Problem(reason);
}
