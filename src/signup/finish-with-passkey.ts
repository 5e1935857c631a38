import { presentUser, type UserBody } from '../accounts/account.ts';
import { isSameAddress, normalizeEmail } from '../accounts/normalize.ts';
import type { Challenge } from '../challenges/challenge.ts';
import { findChallenge, removal } from '../challenges/consume.ts';
import { passkeyName } from '../mfa/passkeys.ts';
import { beginSignUpPasskey, isRegistered, newPasskey, verifySignUpPasskey } from '../mfa/sign-up-passkey.ts';
import type { CreationOptions, CreationResponse } from '../mfa/webauthn.ts';
import type { Caller } from '../platform/caller.ts';
import { isUniqueViolation } from '../platform/database-errors.ts';
import type { Deps } from '../platform/deps.ts';
import { hideCost } from '../platform/pace.ts';
import { Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import type { PendingSignup } from './begin.ts';
import { createFrom, refuse } from './finish.ts';

interface Signup {
  readonly email: string;
  /** The token that step 1 gave. */
  readonly token: string;
}

/** Begins step 2 without a password: what to ask the browser. Refuses with `signup_not_found`. */
export async function beginFinish(deps: Deps, signup: Signup): Promise<CreationOptions> {
  const pending = await pendingOf(deps, signup);
  if (pending === null) throw new Problem('signup_not_found');
  const { first_name, last_name, user_id: userId } = pending.data as unknown as PendingSignup;
  return beginSignUpPasskey(deps, {
    signupId: pending.id,
    userId,
    name: String(pending.sentTo),
    displayName: `${first_name} ${last_name}`,
  });
}

/**
 * Step 2 with a passkey in place of a password; everything else as in `finish`. Also refuses with `passkey_refused`, which
 * leaves the sign-up as it was, and with `factor_exists` for a passkey that somebody has already.
 */
export async function finishWithPasskey(
  deps: Deps,
  caller: Caller,
  { name, response, ...signup }: Signup & { name: string; response: CreationResponse },
): Promise<UserBody | null> {
  // Judged before the ceremony is spent, so that the same passkey can be sent again with a better name.
  const given = passkeyName(name);
  const pending = await pendingOf(deps, signup);
  const spent = removal(deps, { purpose: 'signup', token: signup.token });
  if (pending === null || spent === null) throw new Problem('signup_not_found');
  const credential = await verifySignUpPasskey(deps, pending.id, response);
  if (credential === null) throw new Problem('passkey_refused');
  // Looked for whatever the address: the insertion would fail on it only for a free address, and so tell that it is free.
  if (await isRegistered(deps, credential)) throw new Problem('factor_exists');

  const work = () =>
    createFrom(deps, caller, {
      person: pending.data as unknown as PendingSignup,
      email: String(pending.sentTo),
      method: 'passkey',
      wayIn: newPasskey(deps, { name: given, credential }, sql`account`),
      spent,
    });
  const registered = (error: unknown) => isUniqueViolation(error, 'factors_credential_id_idx');
  if (!deps.config.requireVerifiedEmail) {
    const account = await work().catch((error: unknown) => {
      throw registered(error) ? new Problem('factor_exists') : error;
    });
    if (account === null) return refuse(deps, caller, 'email_taken');
    return presentUser(account, ['user']);
  }
  // For the same reason, a passkey that was registered elsewhere this very moment gets the answer of a taken address.
  await hideCost(() =>
    work().catch((error: unknown) => {
      if (!registered(error)) throw error;
    }),
  );
  return null;
}

async function pendingOf(deps: Deps, { email, token }: Signup): Promise<Challenge | null> {
  const { address } = normalizeEmail(email);
  const pending = await findChallenge(deps, deps.db, { purpose: 'signup', token });
  return pending !== null && isSameAddress(String(pending.sentTo), address) ? pending : null;
}
