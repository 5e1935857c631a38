import type { Account } from '../accounts/account.ts';
import {
  ADDRESS_KEPT,
  keptAddresses,
  markEmailVerified,
  replaceAddress,
  restoreAddress,
} from '../accounts/address.ts';
import { lockAccount } from '../accounts/find.ts';
import { isSameAddress, normalizeEmail } from '../accounts/normalize.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import type { Challenge, Purpose } from '../challenges/challenge.ts';
import { consumeChallenge, findChallenge, voidChallenges } from '../challenges/consume.ts';
import { resendWait } from '../challenges/cooldown.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { mailboxWait } from '../delivery/an-hour.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { VERIFICATION_LIFETIME } from '../signup/finish.ts';
import { beginEmailChange, issueUndo } from './change-email.ts';
import { openUndo, voidLinks } from './void-links.ts';

// What was sent to, or begun with, the former address.
const OUTDATED: readonly Purpose[] = ['verify-email', 'change-email', 'reset-password', 'sign-in'];

/**
 * Spends a mailed link: the account's address is verified, or its new address replaces the old one, which gets a notice and is
 * kept for 72 hours. If the new address is a former one that is still kept, it is restored, and the one it replaces becomes
 * free. Refuses with `invalid_verification_token`, or with `address_taken` if somebody else was faster or the address only
 * looks like one that is kept.
 */
export async function verifyEmail(deps: Deps, caller: Caller, token: string): Promise<void> {
  const found =
    (await findChallenge(deps, deps.db, { purpose: 'verify-email', token })) ??
    (await findChallenge(deps, deps.db, { purpose: 'change-email', token }));
  // A made-up token leaves nothing to record, and whoever makes tokens up must not fill the trail.
  if (found === null) throw new Problem('invalid_verification_token');
  if (await spend(deps, caller, found, token)) return;
  await recordEvent(deps, deps.db, {
    type: 'email.verified',
    outcome: 'failure',
    reason: 'invalid_verification_token',
    actor: anonymous,
    userId: found.userId,
    caller,
  });
  throw new Problem('invalid_verification_token');
}

function spend(deps: Deps, caller: Caller, { purpose, userId }: Challenge, token: string): Promise<boolean> {
  return deps.db.transaction(async tx => {
    const account = userId === null ? null : await lockAccount(tx, userId);
    const link = await consumeChallenge(deps, tx, { purpose, token });
    if (account === null || link === null) return false;
    return purpose === 'verify-email'
      ? proveAddress(deps, tx, caller, { account, link })
      : confirmChange(deps, tx, caller, { account, link });
  });
}

interface Proof {
  readonly account: Account;
  readonly link: Challenge;
}

async function proveAddress(deps: Deps, tx: Tx, caller: Caller, { account, link }: Proof): Promise<boolean> {
  const userId = account.id;
  if (!(await markEmailVerified(deps, tx, { userId, address: String(link.sentTo) }))) return false;
  await voidChallenges(deps, tx, { userId, purposes: ['verify-email'] });
  await recordEvent(deps, tx, {
    type: 'email.verified',
    outcome: 'success',
    actor: { kind: 'user', id: userId },
    userId,
    caller,
  });
  return true;
}

async function confirmChange(deps: Deps, tx: Tx, caller: Caller, { account, link }: Proof): Promise<boolean> {
  if (account.disabled_at !== null || account.pending_email !== link.sentTo) return false;
  const address = String(link.sentTo);
  const changed =
    (await goBack(deps, tx, { account, address })) ??
    (await goOn(deps, tx, caller, { former: account, address }));
  await recordEvent(deps, tx, {
    type: 'email.changed',
    outcome: 'success',
    actor: { kind: 'user', id: account.id },
    userId: account.id,
    caller,
    personal: { from: account.email, to: changed.email },
  });
  return true;
}

async function goOn(
  deps: Deps,
  tx: Tx,
  caller: Caller,
  { former, address }: { former: Account; address: string },
): Promise<Account> {
  const changed = await replaceAddress(deps, tx, { account: former, address });
  await voidChallenges(deps, tx, { userId: former.id, purposes: OUTDATED });
  await tellFormerAddress(deps, tx, caller, { former, changed });
  return changed;
}

/**
 * The account with an address that it had before; null if it never had it, or does not keep it any more. The address that it
 * had meanwhile is given up, with no link to restore it: it may belong to a thief who had the owner confirm their own address.
 */
async function goBack(
  deps: Deps,
  tx: Tx,
  { account, address }: { account: Account; address: string },
): Promise<Account | null> {
  const userId = account.id;
  const undo = await openUndo(deps, tx, { userId, address });
  const isKept = (await keptAddresses(deps, tx, userId)).has(normalizeEmail(address).key);
  // The key does not identify the mailbox: admın@ must not get what is kept for admin@.
  if (isKept && undo === null) throw new Problem('address_taken');
  const isFormer = undo !== null && !isSameAddress(address, account.email);
  const restored = isFormer ? await restoreAddress(deps, tx, { account, address }) : null;
  if (restored === null) return null;
  await markEmailVerified(deps, tx, { userId, address });
  await voidLinks(deps, tx, restored, undo);
  return restored;
}

async function tellFormerAddress(
  deps: Deps,
  tx: Tx,
  caller: Caller,
  { former, changed }: { former: Account; changed: Account },
): Promise<void> {
  const undo = await issueUndo(deps, tx, former, ADDRESS_KEPT);
  await enqueueMail(deps, tx, {
    template: 'email-changed',
    to: former.email,
    userId: former.id,
    params: {
      ...(former.email_verified_at !== null && { name: former.first_name, newEmail: changed.email }),
      ...whereOf(caller, deps.clock.now()),
    },
    secrets: { token: undo.token },
    expiresAt: undo.expiresAt,
  });
}

/**
 * Sends another link to the address that waits for its confirmation, or else to the present one. Refuses with
 * `already_verified`, and with `rate_limited` for a third mail within a minute or if the mailbox got enough of them in an hour.
 */
export async function sendVerification(deps: Deps, principal: UserPrincipal): Promise<void> {
  const { userId, caller, sessionId } = principal;
  const refusal = await deps.db.transaction(async tx => {
    const account = await lockOwnAccount(tx, principal);
    if (account === null) return new Problem('token_revoked');
    if (account.pending_email !== null)
      return beginEmailChange(deps, tx, { account, principal, address: account.pending_email });
    if (account.email_verified_at !== null) return new Problem('already_verified');
    const wait = await resendWait(deps, tx, { purpose: 'verify-email', userId });
    if (wait > 0) return new Problem('rate_limited', { retryAfter: wait });
    const addressKey = normalizeEmail(account.email).key;
    const full = await mailboxWait(deps, tx, { template: 'verify-email', addressKey });
    if (full > 0) return new Problem('rate_limited', { retryAfter: full });
    const { token, expiresAt } = await issueChallenge(deps, tx, {
      purpose: 'verify-email',
      userId,
      sentTo: account.email,
      lifetime: VERIFICATION_LIFETIME,
    });
    await enqueueMail(deps, tx, {
      template: 'verify-email',
      to: account.email,
      userId,
      secrets: { token },
      expiresAt,
    });
    await recordEvent(deps, tx, {
      type: 'email.verification_requested',
      outcome: 'success',
      actor: { kind: 'user', id: userId },
      userId,
      sessionId,
      caller,
    });
    return null;
  });
  if (refusal !== null) throw refusal;
}
