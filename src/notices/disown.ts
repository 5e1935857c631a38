import type { Account } from '../accounts/account.ts';
import { clearPendingEmail, restoreAddress } from '../accounts/address.ts';
import { findAccountById, lockAccount } from '../accounts/find.ts';
import { isSameAddress } from '../accounts/normalize.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import type { Challenge, Purpose } from '../challenges/challenge.ts';
import { voidChallenges } from '../challenges/consume.ts';
import { isSpent, spendOnce } from '../challenges/spend-once.ts';
import { findNotice, NOTICE_LIFETIME, type Notice } from '../delivery/notice.ts';
import { sendReset } from '../passwords/request-reset.ts';
import type { Caller } from '../platform/caller.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { closeRecentWaysIn } from '../profile/close-recent-ways-in.ts';
import { openUndo, voidLinks } from '../profile/void-links.ts';
import { endSessionsOf, publishEnded } from '../sessions/end.ts';

/** What was done about a notice that its receiver disowned. */
export interface Disowned {
  /** A former address is back. */
  readonly addressRestored: boolean;
  /** A link to choose a new password is on its way; false for a disabled account. */
  readonly resetSent: boolean;
}

// Ways in, or half-way in, that a stranger may have opened. Links that undo something stay: they are the owner's.
const WAYS_IN: readonly Purpose[] = [
  'reset-password',
  'change-email',
  'mfa',
  'sms-login',
  'sms-enrol',
  'sign-in',
  'oauth-code',
  'passkey',
];

/** The address that a notice was mailed to, as long as it can still be disowned; else null. Spends nothing. */
export async function disownable(deps: Deps, token: string): Promise<string | null> {
  const { db } = deps;
  const notice = await findNotice(deps, db, token);
  if (notice === null || (await isSpent(db, { id: notice.id, purpose: 'notice' }))) return null;
  return (await findAccountById(db, notice.userId)) === null ? null : notice.sentTo;
}

/**
 * "This was not me": ends every session, forgets the devices, puts a former address back while it is kept (72 hours), removes
 * the passkeys and unlinks the providers that were added since 72 hours before the notice, voids open links and half-finished
 * sign-ins, and mails a link for a new password. Factors that are only asked for besides a password stay, and are asked for as
 * before. Works once per notice, by the token in its mail; refuses with `invalid_link`.
 */
export async function disownNotice(deps: Deps, caller: Caller, token: string): Promise<Disowned> {
  const { db } = deps;
  const notice = await findNotice(deps, db, token);
  // Not recorded: such a token names no account, and whoever makes tokens up must not fill the trail.
  if (notice === null) throw new Problem('invalid_link');
  const verdict = await db.transaction(tx => undo(deps, tx, { notice, caller }));
  if (verdict === null) {
    await recordEvent(deps, db, {
      type: 'notice.disowned',
      outcome: 'refusal',
      reason: 'invalid_link',
      actor: anonymous,
      userId: notice.userId,
      caller,
    });
    throw new Problem('invalid_link');
  }
  await publishEnded(deps, verdict.ended);
  return verdict.done;
}

async function undo(deps: Deps, tx: Tx, { notice, caller }: { notice: Notice; caller: Caller }) {
  const { id, userId, template, createdAt } = notice;
  const expiresAt = addSeconds(createdAt, NOTICE_LIFETIME);
  if (!(await spendOnce(deps, tx, { id, purpose: 'notice', userId, expiresAt }))) return null;
  const found = await lockAccount(tx, userId);
  const link = await openUndo(deps, tx, { userId, address: notice.sentTo });
  const account = found === null ? null : await backAt(deps, tx, found, { mailbox: notice.sentTo, link });
  if (account === null) return null;

  const addressRestored = account.email !== found?.email;
  const actor = { kind: 'user', id: userId } as const;
  if (addressRestored) await voidLinks(deps, tx, account, link);
  else await voidChallenges(deps, tx, { userId, purposes: WAYS_IN });
  await closeRecentWaysIn(deps, tx, { userId, reason: 'notice_disowned', caller, mailedAt: createdAt });
  const ended = await endSessionsOf(deps, tx, {
    userId,
    reason: 'notice_disowned',
    actor,
    caller,
    forgetDevices: true,
  });
  if (addressRestored) {
    await recordEvent(deps, tx, {
      type: 'email.change_undone',
      outcome: 'success',
      reason: 'notice_disowned',
      actor,
      userId,
      caller,
      personal: { from: String(found?.email), to: account.email },
    });
  }
  await recordEvent(deps, tx, {
    type: 'notice.disowned',
    outcome: 'success',
    reason: template,
    actor,
    userId,
    caller,
    data: { address_restored: addressRestored },
  });
  const resetSent =
    account.disabled_at === null && (await sendReset(deps, tx, { account, actor, caller, owed: true }));
  return { ended, done: { addressRestored, resetSent } };
}

/**
 * The account with the mailbox that the notice went to: a pending change of address is called off, one that happened is undone.
 * Null if that mailbox has nothing to do with the account any more.
 */
async function backAt(
  deps: Deps,
  tx: Tx,
  account: Account,
  { mailbox, link }: { mailbox: string; link: Challenge | null },
): Promise<Account | null> {
  // Compares mailboxes, not keys: a thief may have moved the account from admin@ to admın@.
  if (!isSameAddress(mailbox, account.email)) {
    // All addresses that look alike share a key. Whoever took the account back has voided the links sent to later ones.
    return link === null ? null : restoreAddress(deps, tx, { account, address: mailbox });
  }
  await clearPendingEmail(deps, tx, account.id);
  return account;
}
