import { normalizeEmail } from '../accounts/normalize.ts';
import { personName } from '../accounts/person-name.ts';
import { normalizePhone } from '../accounts/phone.ts';
import { anonymous, prepareEvent, recordEvent } from '../audit/record.ts';
import { prepareChallenge } from '../challenges/issue.ts';
import { onceAnHour } from '../delivery/an-hour.ts';
import { prepareMail } from '../delivery/enqueue.ts';
import { wakeDelivery } from '../delivery/wake.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { hideCost } from '../platform/pace.ts';
import { allValid, Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import { beginSignup } from './queries.ts';

export interface Person {
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly phoneNumber: string;
}

/** What step 1 remembers until step 2, under the token. */
export interface PendingSignup {
  readonly first_name: string;
  readonly last_name: string;
  readonly phone_number: string;
  /** The id of the account that may come of it: from here on, what is personal in the trail is erased with that account. */
  readonly user_id: string;
}

export interface Begun {
  readonly email: string;
  readonly token: string;
  readonly expiresAt: Date;
}

/** How long a sign-up may take between its two steps, in seconds. */
export const SIGNUP_LIFETIME = 86_400;

/**
 * Step 1: keeps who signs up, under a token that step 2 must bring. Refuses a taken address with `email_taken`, unless login
 * needs a verified one: then it gets the same answer in the same time as a free one, and its owner a mail, one an hour.
 */
export async function begin(deps: Deps, caller: Caller, person: Person): Promise<Begun> {
  const hides = deps.config.requireVerifiedEmail;
  return hides ? hideCost(() => collect(deps, caller, person, hides)) : collect(deps, caller, person, hides);
}

async function collect(deps: Deps, caller: Caller, person: Person, hides: boolean): Promise<Begun> {
  const [first_name, last_name, { address, key }, phone_number] = await allValid(
    () => personName(person.firstName, 'first_name'),
    () => personName(person.lastName, 'last_name'),
    () => normalizeEmail(person.email),
    () => normalizePhone(person.phoneNumber),
  );
  const userId = deps.random.uuid();
  const pending: PendingSignup = { first_name, last_name, phone_number, user_id: userId };
  const { row, issued } = prepareChallenge(deps, {
    purpose: 'signup',
    sentTo: address,
    data: { ...pending },
    lifetime: SIGNUP_LIFETIME,
  });
  const notice = hides
    ? {
        mail: prepareMail(deps, { template: 'email-taken', to: sql`taken.email`, userId: sql`taken.id` }),
        turn: onceAnHour(deps, {
          template: 'email-taken',
          addressKey: key,
          due: sql`exists (select from taken where kind = 'email')`,
        }),
      }
    : null;
  const event = await prepareEvent(deps, {
    type: 'signup.started',
    outcome: 'success',
    actor: anonymous,
    userId,
    caller,
    personal: { email: address },
  });
  const now = deps.clock.now();
  const taken = await beginSignup(deps.db, { key, now, challenge: row, event, notice });
  if (taken !== null && !hides) {
    await recordEvent(deps, deps.db, {
      type: 'signup.failed',
      outcome: 'refusal',
      reason: 'email_taken',
      actor: anonymous,
      userId: taken,
      caller,
      personal: { email: address },
    });
    throw new Problem('email_taken');
  }
  if (taken !== null) wakeDelivery(deps.db);
  return { email: address, token: issued.token, expiresAt: issued.expiresAt };
}
