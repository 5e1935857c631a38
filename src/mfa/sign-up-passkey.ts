import { consumeChallenge } from '../challenges/consume.ts';
import { issueChallenge } from '../challenges/issue.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { type Credential, selectByCredential } from './passkey-queries.ts';
import {
  CEREMONY_LIFETIME,
  type CreationOptions,
  type CreationResponse,
  challengeOf,
  creationOptions,
  verifyCreation,
} from './webauthn.ts';

export { newPasskey } from './passkey-queries.ts';

/**
 * The options for a browser to make a passkey for an account that does not exist yet; good for one sign-up. The
 * authenticator keeps the account's id (Web Authentication §5.4.3), so the id is chosen beforehand.
 */
export async function beginSignUpPasskey(
  deps: Deps,
  {
    signupId,
    userId,
    name,
    displayName,
  }: { signupId: string; userId: string; name: string; displayName: string },
): Promise<CreationOptions> {
  const { token } = await issueChallenge(deps, deps.db, {
    purpose: 'passkey',
    data: { for: 'sign-up', signup: signupId },
    lifetime: CEREMONY_LIFETIME,
  });
  return creationOptions(deps, { userId, name, displayName }, { challenge: token, present: [] });
}

/** The passkey that was made for a sign-up; null where anything is wrong. */
export async function verifySignUpPasskey(
  deps: Deps,
  caller: Caller,
  signupId: string,
  response: CreationResponse,
): Promise<Credential | null> {
  const challenge = challengeOf(response);
  const asked = await consumeChallenge(deps, deps.db, { purpose: 'passkey', token: challenge });
  if (asked === null || asked.data.for !== 'sign-up' || asked.data.signup !== signupId) return null;
  return verifyCreation(deps, caller, response, challenge);
}

/** Whether anybody has registered this passkey already. */
export async function isRegistered({ db }: Pick<Deps, 'db'>, { id }: Credential): Promise<boolean> {
  return (await selectByCredential(db, id)) !== null;
}
