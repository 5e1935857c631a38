import { type Account, presentUser, type UserBody } from '../accounts/account.ts';
import { accountCtes, prepareAccount } from '../accounts/create.ts';
import { isSameAddress, normalizeEmail } from '../accounts/normalize.ts';
import { anonymous, insertEvent, prepareEvent, recordEvent } from '../audit/record.ts';
import { findChallenge, removal } from '../challenges/consume.ts';
import { insertChallenge, prepareChallenge } from '../challenges/issue.ts';
import { fewAnHour } from '../delivery/an-hour.ts';
import { insertMail, prepareMail } from '../delivery/enqueue.ts';
import { wakeDelivery } from '../delivery/wake.ts';
import { isSamePassword, requirePolicy } from '../passwords/policy.ts';
import { newPassword } from '../passwords/set.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { hideCost } from '../platform/pace.ts';
import { invalid, Problem } from '../platform/problems.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import type { PendingSignup } from './begin.ts';
import { finishSignup } from './queries.ts';

export interface Signup {
  readonly email: string;
  /** The token that step 1 gave. */
  readonly token: string;
}

interface Choice extends Signup {
  readonly password: string;
  readonly confirmation: string;
}

/** How long the link of a verification mail works, in seconds. */
export const VERIFICATION_LIFETIME = 86_400;

/**
 * Step 2: creates the account of a pending sign-up with its password, and queues the verification mail, all in one
 * statement after the hash. Refuses with `signup_not_found` if step 1 was not done for this address; with `email_taken` if a
 * race for the address was lost, which spends the sign-up; and with `validation_failed` if the password breaks the policy or
 * differs from its confirmation, which leaves the sign-up as it was. Null where login needs a verified address: the answer
 * is then the same whether the address is taken or not.
 */
export async function finish(deps: Deps, caller: Caller, choice: Choice): Promise<UserBody | null> {
  if (!isSamePassword(choice.password, choice.confirmation)) {
    throw invalid('confirm_password', 'passwords_differ', 'The two passwords differ.');
  }
  const pending = await findPending(deps, choice);
  const { email, person } = pending;
  const names = [person.first_name, person.last_name];
  await requirePolicy(deps, { password: choice.password, owner: { email, names }, caller });
  const hash = await deps.hasher.hash(choice.password, caller.hungUp);

  const work = () =>
    createFrom(deps, caller, {
      ...pending,
      method: 'password',
      wayIn: newPassword(deps, hash, sql`account`),
    });
  if (!deps.config.requireVerifiedEmail) {
    const account = await work();
    if (account === null) return refuse(deps, caller, 'email_taken');
    return presentUser(account, ['user']);
  }
  await hideCost(work);
  return null;
}

interface Pending {
  readonly id: string;
  readonly email: string;
  readonly person: PendingSignup;
  /** The fragment that spends it. */
  readonly spent: Fragment;
}

/** The sign-up that step 1 began for this address under this token. Refuses with `signup_not_found`. */
export async function findPending(deps: Deps, { email, token }: Signup): Promise<Pending> {
  const { address } = normalizeEmail(email);
  const pending = await findChallenge(deps, deps.db, { purpose: 'signup', token });
  const spent = removal(deps, { purpose: 'signup', token });
  // A made-up token leaves nothing to record, and whoever makes tokens up must not fill the trail. Compared by mailbox and not by
  // key: a neighbour's cookie may have brought their sign-up for admın@ to admin@.
  if (pending === null || spent === null || !isSameAddress(String(pending.sentTo), address))
    throw new Problem('signup_not_found');
  const person = pending.data as unknown as PendingSignup;
  return { id: pending.id, email: String(pending.sentTo), person, spent };
}

export interface Creation extends Omit<Pending, 'id'> {
  readonly method: 'password' | 'passkey';
  /** The fragment that inserts the password or the passkey, from the CTE `account`. */
  readonly wayIn: Fragment;
}

/** Makes a sign-up's account, its password or passkey, and the verification mail in one statement; null for a taken address. */
export async function createFrom(
  deps: Deps,
  caller: Caller,
  { person, email, method, wayIn, spent }: Creation,
): Promise<Account | null> {
  const made = prepareAccount(deps, {
    email,
    firstName: person.first_name,
    lastName: person.last_name,
    phoneNumber: person.phone_number,
  });
  const row = { ...made, id: person.user_id };
  const verification = prepareChallenge(deps, {
    purpose: 'verify-email',
    userId: sql`account.id`,
    sentTo: email,
    lifetime: VERIFICATION_LIFETIME,
  });
  const mail = prepareMail(deps, {
    template: 'verify-email',
    to: email,
    userId: sql`account.id`,
    secrets: { token: verification.issued.token },
    expiresAt: verification.issued.expiresAt,
  });
  const event = await prepareEvent(deps, {
    type: 'signup.completed',
    outcome: 'success',
    actor: { kind: 'user', id: row.id },
    userId: row.id,
    caller,
    data: { method },
  });
  const created = await finishSignup(deps.db, {
    key: row.key,
    claimed: spent,
    account: accountCtes(row, sql`pending`),
    rest: [
      sql`way_in as (${wayIn})`,
      sql`verification as (${insertChallenge(verification.row, sql`account`)})`,
      sql`turn as (${fewAnHour(deps, { template: 'verify-email', addressKey: row.key }, sql`account`)})`,
      sql`mail as (${insertMail(mail, sql`account cross join turn`)})`,
      insertEvent(event, sql`account`),
    ],
  });
  if (created?.open !== true) return refuse(deps, caller, 'signup_not_found');
  if (created.id === null) return null;
  wakeDelivery(deps.db);
  return created;
}

/** Refuses a sign-up, and records that. */
export async function refuse(
  deps: Deps,
  caller: Caller,
  reason: 'signup_not_found' | 'email_taken',
): Promise<never> {
  await recordEvent(deps, deps.db, {
    type: 'signup.failed',
    outcome: 'refusal',
    reason,
    actor: anonymous,
    caller,
  });
  throw new Problem(reason);
}
