import type { Account } from '../accounts/account.ts';
import { findAccountByAddress } from '../accounts/find.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { toldName } from '../accounts/told-name.ts';
import { type Actor, anonymous, recordEvent } from '../audit/record.ts';
import { RESET_LIFETIME } from '../authentication/finish.ts';
import { insertChallenge, prepareChallenge } from '../challenges/issue.ts';
import { withinQuota } from '../challenges/quota.ts';
import { insertMail, prepareMail } from '../delivery/enqueue.ts';
import { wakeDelivery } from '../delivery/wake.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { hideCost } from '../platform/pace.ts';
import { sql } from '../platform/sql.ts';

// Nobody's mailbox may be flooded through us, from however many addresses the requests come.
const MAILS_AN_HOUR = 5;

/** What the challenge of a mailed reset token says: whoever brings the token has read the mailbox. */
export const MAILED = { mailed: true } as const;

/**
 * Mails a reset link to the owner of an address; mails nobody when no account has it, or the account is disabled. Takes
 * the same time and answers nothing either way.
 */
export async function requestReset(deps: Deps, caller: Caller, email: string): Promise<void> {
  const { address } = normalizeEmail(email);
  await hideCost(async () => {
    const account = await findAccountByAddress(deps.db, address);
    const reason =
      account === null ? 'unknown_address' : account.disabled_at === null ? null : 'account_disabled';
    await deps.db.transaction(async tx => {
      const turn = await withinQuota(deps, tx, quotaOf(account?.id ?? null, address, 'pass'));
      const sent = account !== null && reason === null && turn;
      if (sent) await mailReset(deps, tx, account);
      await recordEvent(deps, tx, {
        type: 'password.reset_requested',
        outcome: sent ? 'success' : 'refusal',
        ...(!sent && { reason: reason ?? 'too_many_mails' }),
        actor: anonymous,
        userId: account?.id ?? null,
        caller,
        personal: { email: address },
      });
    });
  });
}

interface SendReset {
  readonly account: Account;
  readonly actor: Actor;
  readonly caller: Caller | null;
  /**
   * Sent beyond the quota: the owner took the account back by a mailed link, which voided the others, and a thief may
   * have used up the hour's mails.
   */
  readonly owed?: boolean;
}

/**
 * Mails a reset link for somebody who may act on the account; false where the account got enough of them this hour and
 * is owed none.
 */
export async function sendReset(
  deps: Deps,
  tx: Tx,
  { account, actor, caller, owed = false }: SendReset,
): Promise<boolean> {
  const sent = owed || (await withinQuota(deps, tx, quotaOf(account.id, account.email, 'wait')));
  if (sent) await mailReset(deps, tx, account);
  await recordEvent(deps, tx, {
    type: 'password.reset_requested',
    outcome: sent ? 'success' : 'refusal',
    ...(!sent && { reason: 'too_many_mails' }),
    actor,
    userId: account.id,
    caller,
  });
  return sent;
}

function quotaOf(userId: string | null, address: string, busy: 'wait' | 'pass') {
  return { purpose: 'reset-password', userId, address, limit: MAILS_AN_HOUR, data: MAILED, busy } as const;
}

// One statement, since the extra time for a known address holds a connection that others wait for.
async function mailReset(deps: Deps, tx: Tx, account: Account): Promise<void> {
  const { row, issued } = prepareChallenge(deps, {
    purpose: 'reset-password',
    userId: account.id,
    sentTo: account.email,
    data: MAILED,
    lifetime: RESET_LIFETIME,
  });
  const mail = prepareMail(deps, {
    template: 'reset-password',
    to: account.email,
    userId: account.id,
    params: toldName(account),
    secrets: { token: issued.token },
    expiresAt: issued.expiresAt,
  });
  await tx.run(sql`with link as (${insertChallenge(row)}) ${insertMail(mail)}`);
  wakeDelivery(deps.db);
}
