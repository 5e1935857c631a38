import type { Account } from '../accounts/account.ts';
import { ADDRESS_KEPT, clearPendingEmail, otherHolder, setPendingEmail } from '../accounts/address.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { recordEvent } from '../audit/record.ts';
import { voidChallenges } from '../challenges/consume.ts';
import { resendWait } from '../challenges/cooldown.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { mailboxWait, onceAnHour } from '../delivery/an-hour.ts';
import { enqueueMail, insertMail, prepareMail, whereOf } from '../delivery/enqueue.ts';
import { wakeDelivery } from '../delivery/wake.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import type { UserPrincipal } from '../sessions/principal.ts';

/** How long the link to the new address works, in seconds. */
export const CHANGE_LIFETIME = 86_400;

/** What a link that undoes a change puts back. */
export interface FormerAddress {
  readonly email: string;
}

/**
 * Begins a change of address: mails a link to the new mailbox, and to the old one a notice with a link that stops or undoes
 * the change. Asking for the present address calls a change off. Where login needs a verified address, a taken one looks like
 * any other, and its owner gets a mail. Null once it is begun or called off; else the refusal, `address_taken` or `rate_limited`.
 */
export async function beginEmailChange(
  deps: Deps,
  tx: Tx,
  { account, principal, address }: { account: Account; principal: UserPrincipal; address: string },
): Promise<Problem | null> {
  const userId = account.id;
  if (address === account.email) {
    await clearPendingEmail(deps, tx, userId);
    await voidChallenges(deps, tx, { userId, purposes: ['change-email'] });
    return null;
  }
  const holder = await otherHolder(deps, tx, { userId, address });
  const hidden = holder !== null && deps.config.requireVerifiedEmail;
  if (holder !== null && !hidden) return new Problem('address_taken');
  const wait = await resendWait(deps, tx, { purpose: 'change-email', userId });
  if (wait > 0) return new Problem('rate_limited', { retryAfter: wait });
  // Checked whether the address is free or taken, or the end of the budget would tell one from the other.
  const addressKey = normalizeEmail(address).key;
  const full = await mailboxWait(deps, tx, { template: 'email-change-confirm', addressKey });
  if (full > 0) return new Problem('rate_limited', { retryAfter: full });

  await voidChallenges(deps, tx, { userId, purposes: ['change-email'] });
  await setPendingEmail(deps, tx, { userId, address });
  // If the address is taken, nobody can have the token, because no mail carries it.
  const { token, expiresAt } = await issueChallenge(deps, tx, {
    purpose: 'change-email',
    userId,
    sentTo: address,
    lifetime: CHANGE_LIFETIME,
  });
  if (holder === null) {
    await enqueueMail(deps, tx, {
      template: 'email-change-confirm',
      to: address,
      userId,
      secrets: { token },
      expiresAt,
    });
  } else if (holder.current) {
    await tellHolder(deps, tx, holder);
  }
  await tellOldAddress(deps, tx, { account, principal, address });
  await recordEvent(deps, tx, {
    type: 'email.change_requested',
    outcome: 'success',
    actor: { kind: 'user', id: userId },
    userId,
    sessionId: principal.sessionId,
    caller: principal.caller,
    personal: { from: account.email, to: address },
  });
  return null;
}

async function tellHolder(
  deps: Deps,
  tx: Tx,
  { email, userId }: { email: string; userId: string },
): Promise<void> {
  const mail = prepareMail(deps, { template: 'email-taken', to: email, userId });
  const turn = onceAnHour(deps, {
    template: 'email-taken',
    addressKey: normalizeEmail(email).key,
    due: sql`true`,
  });
  await tx.run(sql`with turn as (${turn}) ${insertMail(mail, sql`turn`)}`);
  wakeDelivery(deps.db);
}

async function tellOldAddress(
  deps: Deps,
  tx: Tx,
  { account, principal, address }: { account: Account; principal: UserPrincipal; address: string },
): Promise<void> {
  const undo = await issueUndo(deps, tx, account, CHANGE_LIFETIME + ADDRESS_KEPT);
  const now = deps.clock.now();
  await enqueueMail(deps, tx, {
    template: 'email-change-notice',
    to: account.email,
    userId: account.id,
    params: {
      // An unproven mailbox may be a stranger's, so it does not get what somebody typed as a name or an address.
      ...(account.email_verified_at !== null && { name: account.first_name, newEmail: address }),
      ...whereOf(principal.caller, now),
    },
    secrets: { token: undo.token },
    // The link outlives even a late confirmation; but if the change is confirmed at once, it is worthless after this time.
    expiresAt: addSeconds(now, ADDRESS_KEPT),
  });
}

/** A link that stops or undoes a change, for the owner of the present address. */
export function issueUndo(deps: Deps, tx: Tx, account: Account, lifetime: number) {
  const former: FormerAddress = { email: account.email };
  return issueChallenge(deps, tx, {
    purpose: 'undo-email-change',
    userId: account.id,
    sentTo: account.email,
    data: { ...former },
    lifetime,
  });
}
