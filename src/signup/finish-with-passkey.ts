import { presentUser, type UserBody } from '../accounts/account.ts';
import { passkeyName } from '../mfa/passkeys.ts';
import { beginSignUpPasskey, isRegistered, newPasskey, verifySignUpPasskey } from '../mfa/sign-up-passkey.ts';
import type { CreationOptions, CreationResponse } from '../mfa/webauthn.ts';
import type { Caller } from '../platform/caller.ts';
import { isUniqueViolation } from '../platform/database-errors.ts';
import type { Deps } from '../platform/deps.ts';
import { hideCost } from '../platform/pace.ts';
import { Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import { createFrom, findPending, refuse, type Signup } from './finish.ts';

/** Begins step 2 without a password: what to ask the browser. Refuses with `signup_not_found`. */
export async function beginFinish(deps: Deps, signup: Signup): Promise<CreationOptions> {
  const { id, email, person } = await findPending(deps, signup);
  const { first_name, last_name, user_id: userId } = person;
  return beginSignUpPasskey(deps, {
    signupId: id,
    userId,
    name: email,
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
  const pending = await findPending(deps, signup);
  const credential = await verifySignUpPasskey(deps, caller, pending.id, response);
  if (credential === null) throw new Problem('passkey_refused');
  // Looked for whatever the address: the insertion would fail on it only for a free address, and so tell that it is free.
  if (await isRegistered(deps, credential)) throw new Problem('factor_exists');

  const work = () =>
    createFrom(deps, caller, {
      ...pending,
      method: 'passkey',
      wayIn: newPasskey(deps, { name: given, credential }, sql`account`),
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
