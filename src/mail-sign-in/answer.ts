import type { Account } from '../accounts/account.ts';
import { findAccountByAddress, findAccountById, lockAccount } from '../accounts/find.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { anonymous } from '../audit/record.ts';
import { completeAuthentication } from '../authentication/complete.ts';
import { answerCode } from '../challenges/answer-code.ts';
import type { Challenge } from '../challenges/challenge.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { claimMailbox } from '../passwords/claim-mailbox.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem } from '../platform/problems.ts';
import { publishEnded } from '../sessions/end.ts';
import type { TokenBody } from '../sessions/token.ts';
import { type DeviceClaim, findKnownDevice } from '../throttle/devices.ts';
import { recordFailedAttempt } from '../throttle/failed-attempt.ts';
import { checkOrGiveBack, takeAttempt, takeUnknownAttempt } from '../throttle/lockout.ts';
import { type AskedRequest, findRequest } from './queries.ts';
import { readLinkToken, requireSignInByMail } from './request.ts';
import { decodeRequestToken } from './request-token.ts';

export interface MailedAnswer {
  /** What the browser got when it asked. */
  readonly requestToken: string;
  /** What the mail says: the six digits, or the token of its link. */
  readonly proof: { readonly code: string } | { readonly token: string };
  readonly devices: readonly DeviceClaim[];
}

/**
 * Signs in with what was mailed, in the browser that asked: once, within ten minutes and five tries, each of which
 * draws on the account's attempts. It proves the mailbox, so an unverified account is claimed first: what was set on it
 * before is removed. Refuses with `invalid_sign_in_code` (also for an address that nobody has), `too_many_attempts`,
 * and with what `completeAuthentication` names.
 */
export async function signInByMail(
  deps: KeysDeps,
  caller: Caller,
  { requestToken, proof, devices }: MailedAnswer,
): Promise<TokenBody> {
  requireSignInByMail(deps);
  const { db, clock, secrets } = deps;
  const id = decodeRequestToken(secrets, requestToken);
  const asked = id === null ? null : await findRequest(db, { id, now: clock.now() });
  if (id === null || asked === null) throw new Problem('invalid_sign_in_code');
  const code = codeIn(proof, id);
  // A link of another request is no guess at this one's code, so it costs this request no try.
  if (code === null) throw new Problem('invalid_sign_in_code');

  const owner = await ownerOf(deps, asked);
  const deviceId = owner === null ? null : await findKnownDevice(db, owner.id, devices);
  const attempt =
    owner === null
      ? await takeUnknownAttempt(deps, db, normalizeEmail(asked.sent_to).key)
      : await takeAttempt(deps, db, { userId: owner.id, deviceId });
  const admitted = await checkOrGiveBack(deps, attempt, async () => {
    const answer = await answerCode(deps, db, { purpose: 'sign-in', id, code });
    return typeof answer === 'string' ? null : admit(deps, caller, answer);
  });
  if (admitted === null) {
    await recordFailedAttempt(
      deps,
      {
        type: 'login.failed',
        outcome: 'failure',
        reason: 'wrong_mailed_code',
        actor: anonymous,
        userId: owner?.id ?? null,
        caller,
      },
      { ...attempt, email: owner?.email ?? null },
    );
    throw new Problem('invalid_sign_in_code');
  }
  const { account, claimed } = admitted;
  return completeAuthentication(deps, caller, {
    account,
    amr: ['otp'],
    subject: attempt.subject,
    deviceId: claimed ? null : deviceId,
    mailbox: asked.sent_to,
  });
}

// A try draws on the attempts of the account that has the address, as at a login, whether or not it was mailed. If
// accounts that were not (disabled, enough mails) had a lane of their own, it would stay open while the account's is
// locked.
function ownerOf(
  { db }: KeysDeps,
  { user_id: userId, sent_to: address }: AskedRequest,
): Promise<Account | null> {
  return userId === null ? findAccountByAddress(db, address) : findAccountById(db, userId);
}

function codeIn(proof: MailedAnswer['proof'], id: string): string | null {
  if ('code' in proof) return proof.code;
  const link = readLinkToken(proof.token);
  return link !== null && link.id === id ? link.code : null;
}

// The account as it is once its mailbox is proven; null where it has another address by now, is disabled or is gone.
async function admit(
  deps: KeysDeps,
  caller: Caller,
  { userId, sentTo }: Challenge,
): Promise<{ account: Account; claimed: boolean } | null> {
  if (userId === null) return null;
  const ended = await deps.db.transaction(async tx => {
    const account = await lockAccount(tx, userId);
    if (account === null || account.disabled_at !== null || account.email !== sentTo) return null;
    if (account.email_verified_at !== null) return 'verified';
    const actor = { kind: 'user', id: userId } as const;
    return claimMailbox(deps, tx, { account, reason: 'mailed_sign_in', actor, caller });
  });
  if (ended === null) return null;
  const claimed = ended !== 'verified';
  if (claimed) await publishEnded(deps, ended);
  const account = await findAccountById(deps.db, userId);
  return account === null ? null : { account, claimed };
}
