import { lockAccount } from '../accounts/find.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import { consumeChallenge } from '../challenges/consume.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { insertMail, prepareMail, whereOf } from '../delivery/enqueue.ts';
import { wakeDelivery } from '../delivery/wake.ts';
import type { Caller } from '../platform/caller.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { sql } from '../platform/sql.ts';
import { countUse, selectByCredential, selectPasskeys } from './passkey-queries.ts';
import {
  type AssertionResponse,
  CEREMONY_LIFETIME,
  challengeOf,
  type RequestOptions,
  requestOptions,
  verifyAssertion,
} from './webauthn.ts';

/** What a passkey is asked for. An answer for one purpose is not accepted for another. */
export interface Ceremony {
  readonly for: 'sign-in' | 'second-factor' | 'reauthentication';
  /** Whose passkey must answer; null: anybody's, and the answer says whose (a discoverable credential). */
  readonly userId: string | null;
}

/** The options for a browser, with a challenge that is good for five minutes and one answer. */
export async function askForPasskey(deps: Deps, ceremony: Ceremony): Promise<RequestOptions> {
  const { db } = deps;
  const { userId } = ceremony;
  const present = userId === null ? [] : await selectPasskeys(db, userId);
  const { token } = await issueChallenge(deps, db, {
    purpose: 'passkey',
    userId,
    data: { for: ceremony.for },
    lifetime: CEREMONY_LIFETIME,
  });
  return requestOptions(deps, { challenge: token, allowed: present.map(({ credential }) => credential) });
}

/**
 * Whose passkey answered, and which, with user verification; null where anything is wrong. The challenge is spent in
 * any case. A counter that went back is refused, recorded and told to the owner: the passkey may have been copied (Web
 * Authentication §7.2).
 */
export async function provePasskey(
  deps: Deps,
  caller: Caller,
  ceremony: Ceremony,
  response: AssertionResponse,
): Promise<{ userId: string; factorId: string } | null> {
  const { db, clock } = deps;
  const challenge = challengeOf(response);
  const asked = await consumeChallenge(deps, db, { purpose: 'passkey', token: challenge });
  if (asked === null || asked.data.for !== ceremony.for || asked.userId !== ceremony.userId) return null;
  const passkey = await selectByCredential(db, response.id);
  if (passkey === null || (ceremony.userId !== null && passkey.user_id !== ceremony.userId)) return null;
  const { id, user_id: userId, credential, created_at: addedAt } = passkey;
  const nameless = ceremony.userId === null;
  const proof = await verifyAssertion(deps, caller, response, { challenge, userId, credential, nameless });
  if (proof === null) return null;
  if (await countUse(db, { id, ...proof, now: clock.now() })) return { userId, factorId: id };
  await db.transaction(async tx => {
    const owner = await lockAccount(tx, userId);
    // A passkey that was removed meanwhile was not copied.
    if (owner === null || (await selectByCredential(tx, credential.id)) === null) return;
    await recordEvent(deps, tx, {
      type: 'passkey.cloned',
      outcome: 'refusal',
      reason: 'counter_went_back',
      actor: anonymous,
      userId,
      caller,
      data: { passkey: id, stored: credential.counter, received: proof.counter },
    });
    const now = clock.now();
    const mail = prepareMail(deps, {
      template: 'passkey-copied',
      to: owner.email,
      userId,
      // Not the passkey's name: it is free text, and nobody may mail a text of theirs to strangers through us.
      params: { addedAt: addedAt.toISOString(), ...whereOf(caller, now) },
    });
    // At most once a day, or whoever holds the copy could fill the owner's mailbox. Under the account's lock, each
    // transaction sees the mails of those before it.
    const untold = sql`users u where u.id = ${userId}::uuid and not exists (
      select from outbox o where o.user_id = u.id and o.template = 'passkey-copied'
        and o.created_at > ${addSeconds(now, -86_400)}::timestamptz)`;
    await tx.run(insertMail(mail, untold));
  });
  wakeDelivery(db);
  return null;
}
