import type { Account } from '../accounts/account.ts';
import { findAccountById, lockAccount } from '../accounts/find.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import type { Challenge } from '../challenges/challenge.ts';
import { consumeChallenge, findChallenge } from '../challenges/consume.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { endSessionsOf, publishEnded } from '../sessions/end.ts';
import { liftLock } from '../throttle/lift-lock.ts';
import { claimMailbox } from './claim-mailbox.ts';
import { ownerOf } from './own-words.ts';
import { isSamePassword, requirePolicy } from './policy.ts';
import { waysLeft } from './queries.ts';
import { refuseUsedBefore, setPassword } from './set.ts';
import { voidWaysIn } from './void-ways-in.ts';

export interface Reset {
  readonly token: string;
  readonly password: string;
  readonly confirmation: string;
}

/**
 * Sets a new password with a reset token. Ends every session, forgets known devices, lifts a lock, and voids the other
 * reset tokens and half-finished sign-ins; starts no session and touches no second factor - except that the first proof
 * of an unverified mailbox removes all that was set before (`claimMailbox`). Refuses with `passwords_differ`,
 * `invalid_reset_token`, or `validation_failed`; a refusal with the last spends nothing.
 */
export async function resetPassword(
  deps: Deps,
  caller: Caller,
  { token, password, confirmation }: Reset,
): Promise<void> {
  if (!isSamePassword(password, confirmation)) throw new Problem('passwords_differ');
  const { db, hasher } = deps;
  const challenge = await findChallenge(deps, db, { purpose: 'reset-password', token });
  const account = await accountOf(deps, challenge);
  if (account === null) return refuse(deps, caller, challenge);
  await requirePolicy(deps, { password, member: 'new_password', owner: ownerOf(account), caller });
  // Whoever proves an unverified account's mailbox now did not choose the passwords that it had before.
  if (!claims(challenge, account)) {
    await refuseUsedBefore(deps, caller, { userId: account.id, password, member: 'new_password' });
  }
  const hash = await hasher.hash(password, caller.hungUp);

  const ended = await db.transaction(async tx => {
    const owner = await lockAccount(tx, account.id);
    const spent = await consumeChallenge(deps, tx, { purpose: 'reset-password', token });
    if (owner === null || !stands(spent, owner)) return null;
    return replace(deps, tx, { challenge: spent, account: owner, hash, caller });
  });
  if (ended === null) return refuse(deps, caller, challenge);
  await publishEnded(deps, ended);
}

async function replace(
  deps: Deps,
  tx: Tx,
  {
    challenge,
    account,
    hash,
    caller,
  }: { challenge: Challenge | null; account: Account; hash: string; caller: Caller },
) {
  const userId = account.id;
  const actor = { kind: 'user', id: userId } as const;
  const ended = claims(challenge, account)
    ? await claimMailbox(deps, tx, { account, reason: 'mailed_reset', actor, caller })
    : await endSessionsOf(deps, tx, {
        userId,
        reason: 'password_reset',
        actor,
        caller,
        forgetDevices: true,
      });
  await setPassword(deps, tx, { userId, hash });
  await voidWaysIn(deps, tx, userId);
  await liftLock(deps, tx, { userId, reason: 'password_reset', actor, caller });
  await recordEvent(deps, tx, { type: 'password.reset', outcome: 'success', actor, userId, caller });
  await enqueueMail(deps, tx, {
    template: 'password-changed',
    to: account.email,
    userId,
    params: { ...whereOf(caller, deps.clock.now()), left: await waysLeft(tx, userId) },
  });
  return ended;
}

async function accountOf(deps: Deps, challenge: Challenge | null): Promise<Account | null> {
  if (challenge === null || challenge.userId === null) return null;
  const account = await findAccountById(deps.db, challenge.userId);
  return account !== null && stands(challenge, account) ? account : null;
}

// A link that was sent to a former address, or whose account was disabled since, is worth nothing.
function stands(challenge: Challenge | null, account: Account): boolean {
  return challenge?.sentTo === account.email && account.disabled_at === null;
}

// A token that came with `password_expired` was handed out after a login, not mailed, and proves no mailbox.
function claims(challenge: Challenge | null, account: Account): boolean {
  return challenge?.data.mailed === true && account.email_verified_at === null;
}

async function refuse(deps: Deps, caller: Caller, challenge: Challenge | null): Promise<never> {
  // An unknown token tells nothing that is worth an event, and whoever makes up tokens must not fill the trail.
  if (challenge === null) throw new Problem('invalid_reset_token');
  await recordEvent(deps, deps.db, {
    type: 'password.refused',
    outcome: 'refusal',
    reason: 'invalid_reset_token',
    actor: anonymous,
    userId: challenge.userId,
    caller,
  });
  throw new Problem('invalid_reset_token');
}
