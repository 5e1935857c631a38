import type { Account } from '../accounts/account.ts';
import { clearPendingEmail, markEmailVerified } from '../accounts/address.ts';
import { type Actor, recordEvent } from '../audit/record.ts';
import { voidChallenges } from '../challenges/consume.ts';
import { withdrawTexts } from '../delivery/enqueue.ts';
import { removeEveryFactor } from '../mfa/factors.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type EndedSession, endSessionsOf } from '../sessions/end.ts';
import { liftLock } from '../throttle/lift-lock.ts';
import { deleteIdentitiesOf } from './queries.ts';
import { removePassword } from './set.ts';

export interface Claim {
  readonly account: Pick<Account, 'id' | 'email'>;
  /** How the mailbox was proven: `mailed_reset`, `provider`, … */
  readonly reason: string;
  readonly actor: Actor;
  readonly caller: Caller;
}

/**
 * Carries out the first proof of an unverified account's mailbox by somebody other than the session that signed up
 * (docs/accounts.md). Whoever made the account may not own the address, so everything set before goes - password,
 * sessions, factors, passkeys, recovery codes, identities, a pending address, open challenges, known devices - and the
 * address is verified. What the proof brings (a password, an identity) is set afterwards, in the same transaction.
 * Returns the ended sessions for `publishEnded`.
 */
export async function claimMailbox(
  deps: Deps,
  tx: Tx,
  { account, reason, actor, caller }: Claim,
): Promise<readonly EndedSession[]> {
  const userId = account.id;
  await recordEvent(deps, tx, { type: 'email.claimed', outcome: 'success', reason, actor, userId, caller });
  const ended = await endSessionsOf(deps, tx, {
    userId,
    reason: 'mailbox_claimed',
    actor,
    caller,
    forgetDevices: true,
  });
  await removePassword(tx, userId);
  await removeEveryFactor(tx, userId);
  await withdrawTexts(deps, tx, userId);
  await deleteIdentitiesOf(tx, userId);
  await clearPendingEmail(deps, tx, userId);
  await voidChallenges(deps, tx, { userId });
  await liftLock(deps, tx, { userId, reason, actor, caller });
  await markEmailVerified(deps, tx, { userId, address: account.email });
  return ended;
}
