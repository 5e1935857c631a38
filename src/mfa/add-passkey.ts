import { consumeChallenge } from '../challenges/consume.ts';
import { issueChallenge } from '../challenges/issue.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { insertPasskey, selectPasskeys } from './passkey-queries.ts';
import { type PasskeyBody, passkeyName, presentPasskey } from './passkeys.ts';
import { tellOfFactor } from './tell-of-factor.ts';
import {
  CEREMONY_LIFETIME,
  type CreationOptions,
  type CreationResponse,
  challengeOf,
  creationOptions,
  verifyCreation,
} from './webauthn.ts';

/** The most passkeys that an account may hold; since passkeys are synced, few are needed. */
const MOST_PASSKEYS = 20;

/** The options for the caller's browser to make a passkey; good for five minutes and one passkey. */
export async function beginPasskey(deps: Deps, { userId, account }: UserPrincipal): Promise<CreationOptions> {
  const { db } = deps;
  const present = await selectPasskeys(db, userId);
  if (present.length >= MOST_PASSKEYS) throw new Problem('passkey_limit_reached');
  const { token } = await issueChallenge(deps, db, {
    purpose: 'passkey',
    userId,
    data: { for: 'add' },
    lifetime: CEREMONY_LIFETIME,
  });
  return creationOptions(
    deps,
    { userId, name: account.username, displayName: account.full_name },
    { challenge: token, present: present.map(({ credential }) => credential) },
  );
}

/**
 * Adds the passkey that the caller's browser made, and tells them by mail. The challenge is spent in any case. Refuses
 * with `passkey_refused`, `factor_exists`, `passkey_limit_reached`.
 */
export async function addPasskey(
  deps: Deps,
  principal: UserPrincipal,
  { name, response }: { name: string; response: CreationResponse },
): Promise<PasskeyBody> {
  const { db, clock, random } = deps;
  const { userId } = principal;
  const given = passkeyName(name);
  const challenge = challengeOf(response);
  const asked = await consumeChallenge(deps, db, { purpose: 'passkey', token: challenge });
  if (asked === null || asked.userId !== userId || asked.data.for !== 'add')
    throw new Problem('passkey_refused');
  const credential = await verifyCreation(deps, principal.caller, response, challenge);
  if (credential === null) throw new Problem('passkey_refused');

  const added = await db.transaction(async tx => {
    const account = await lockOwnAccount(tx, principal);
    if (account === null) return 'token_revoked';
    if ((await selectPasskeys(tx, userId)).length >= MOST_PASSKEYS) return 'passkey_limit_reached';
    const row = await insertPasskey(tx, {
      id: random.uuid(),
      userId,
      name: given,
      credential,
      now: clock.now(),
    });
    if (row === null) return 'factor_exists';
    await tellOfFactor(deps, tx, { ...principal, account }, 'added', 'passkey');
    return row;
  });
  if (typeof added === 'string') throw new Problem(added);
  return presentPasskey(added);
}
