import type { Account } from '../accounts/account.ts';
import { restoreAddress } from '../accounts/address.ts';
import { lockAccount } from '../accounts/find.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import { consumeChallenge, findChallenge } from '../challenges/consume.ts';
import { sendReset } from '../passwords/request-reset.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { endSessionsOf, publishEnded } from '../sessions/end.ts';
import type { FormerAddress } from './change-email.ts';
import { closeRecentWaysIn } from './close-recent-ways-in.ts';
import { voidLinks } from './void-links.ts';

/**
 * Undoes a change of address, or stops a pending one, for whoever reads the mail to the old address. That address is restored,
 * as verified as it was; every session ends, devices are strangers again, open links are void (`voidLinks`), passkeys and
 * providers added since 72 hours before that mail are removed, and a reset link is sent to the address, because whoever changed
 * it may know the password. What is only asked for besides a password stays. Refuses with `invalid_verification_token`, also
 * when the 72 hours are over.
 */
export async function undoEmailChange(deps: Deps, caller: Caller, token: string): Promise<void> {
  const purpose = 'undo-email-change';
  const found = await findChallenge(deps, deps.db, { purpose, token });
  // A made-up token leaves nothing to record, and whoever makes tokens up must not fill the trail.
  if (found === null || found.userId === null) throw new Problem('invalid_verification_token');
  const { userId } = found;
  const verdict = await deps.db.transaction(async tx => {
    const account = await lockAccount(tx, userId);
    const challenge = await consumeChallenge(deps, tx, { purpose, token });
    if (challenge === null || account === null) return null;
    const { email } = challenge.data as unknown as FormerAddress;
    const restored = await restoreAddress(deps, tx, { account, address: email });
    if (restored === null) return null;

    const actor = { kind: 'user', id: account.id } as const;
    await voidLinks(deps, tx, restored, challenge);
    await closeRecentWaysIn(deps, tx, {
      userId: account.id,
      reason: 'email_change_undone',
      caller,
      mailedAt: challenge.createdAt,
    });
    const ended = await endSessionsOf(deps, tx, {
      userId: account.id,
      reason: 'email_change_undone',
      actor,
      caller,
      forgetDevices: true,
    });
    await recordEvent(deps, tx, {
      type: 'email.change_undone',
      outcome: 'success',
      actor,
      userId: account.id,
      caller,
      personal: { from: newerAddress(account), to: email },
    });
    if (restored.disabled_at === null)
      await sendReset(deps, tx, { account: restored, actor, caller, owed: true });
    return ended;
  });
  if (verdict !== null) return publishEnded(deps, verdict);
  await recordEvent(deps, deps.db, {
    type: 'email.change_undone',
    outcome: 'failure',
    reason: 'invalid_verification_token',
    actor: anonymous,
    userId,
    caller,
  });
  throw new Problem('invalid_verification_token');
}

function newerAddress({ pending_email, email }: Account): string {
  return pending_email ?? email;
}
