import { findAccountById } from '../accounts/find.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { listPasskeys } from '../mfa/passkeys.ts';
import { askForPasskey, provePasskey } from '../mfa/prove-passkey.ts';
import { keepUsedFactors } from '../mfa/removal.ts';
import type { AssertionResponse, RequestOptions } from '../mfa/webauthn.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem } from '../platform/problems.ts';
import { actorOf } from '../rbac/granter.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { renewSession } from '../sessions/renew.ts';
import type { TokenBody } from '../sessions/token.ts';
import { type DeviceClaim, findKnownDevice } from '../throttle/devices.ts';
import { completeAuthentication } from './complete.ts';
import { answerPending, findPendingLogin } from './second-factor.ts';

/** What a user-verified passkey adds to `amr`: it is something held, and something known or inherent, so both factors. */
const AMR = ['hwk', 'mfa'] as const;

/** Asks the browser for any passkey of ours: nobody has to say first who they are. */
export function beginPasskeySignIn(deps: KeysDeps): Promise<RequestOptions> {
  return askForPasskey(deps, { for: 'sign-in', userId: null });
}

/**
 * Logs in the owner of the passkey that answered. A passkey cannot be guessed, so no attempt is counted and no lock applies.
 * Like any second factor, it calls off a pending removal of factors. Refuses with `passkey_refused`, `account_disabled`, and
 * with `email_not_verified` as `completeAuthentication` does.
 */
export async function signInWithPasskey(
  deps: KeysDeps,
  caller: Caller,
  { response, devices }: { response: AssertionResponse; devices: readonly DeviceClaim[] },
): Promise<TokenBody> {
  const { db } = deps;
  const proven = await provePasskey(deps, caller, { for: 'sign-in', userId: null }, response);
  const account = proven === null ? null : await findAccountById(db, proven.userId);
  if (proven === null || account === null || account.disabled_at !== null) {
    const reason = account === null ? 'passkey_refused' : 'account_disabled';
    await recordEvent(deps, db, {
      type: 'login.failed',
      outcome: 'failure',
      reason,
      actor: anonymous,
      userId: account?.id ?? null,
      caller,
    });
    throw new Problem(reason);
  }
  await keepUsedFactors(deps, { userId: account.id, caller });
  return completeAuthentication(deps, caller, {
    account,
    amr: AMR,
    subject: null,
    deviceId: await findKnownDevice(db, account.id, devices),
    factorId: proven.factorId,
  });
}

/**
 * Logs in whoever made an account with a passkey a moment ago: making the passkey verified the person as using it would.
 * Refuses with `account_disabled`, and with `email_not_verified` as `completeAuthentication` does.
 */
export async function signInNewAccount(deps: KeysDeps, caller: Caller, userId: string): Promise<TokenBody> {
  const account = await findAccountById(deps.db, userId);
  const [passkey] = await listPasskeys(deps, { userId });
  // The owner of its mailbox has claimed the account meanwhile, which removed all that was set before.
  if (account === null || passkey === undefined) throw new Problem('account_disabled');
  return completeAuthentication(deps, caller, {
    account,
    amr: AMR,
    subject: null,
    deviceId: null,
    factorId: passkey.id,
  });
}

/** Asks for a passkey of the person whose login an `mfa_token` stands for. Refuses with `invalid_mfa_token`. */
export async function beginPasskeySecondFactor(deps: KeysDeps, mfaToken: string): Promise<RequestOptions> {
  const pending = await findPendingLogin(deps, mfaToken);
  if (pending === null) throw new Problem('invalid_mfa_token');
  return askForPasskey(deps, { for: 'second-factor', userId: pending.userId });
}

/** Answers the demand for a second factor with a passkey. Refuses as `answerSecondFactor`, a wrong one with `passkey_refused`. */
export function answerWithPasskey(
  deps: KeysDeps,
  caller: Caller,
  { mfaToken, response }: { mfaToken: string; response: AssertionResponse },
): Promise<TokenBody> {
  return answerPending(deps, caller, mfaToken, {
    factor: 'passkey',
    amr: 'hwk',
    refusal: 'passkey_refused',
    prove: userId => provePasskey(deps, caller, { for: 'second-factor', userId }, response),
  });
}

/** Asks for one of the caller's own passkeys, to renew the session. */
export function beginPasskeyReauthentication(
  deps: KeysDeps,
  { userId }: UserPrincipal,
): Promise<RequestOptions> {
  return askForPasskey(deps, { for: 'reauthentication', userId });
}

/** Tokens of the caller's session with a fresh `auth_time` (RFC 9470). Refuses with `passkey_refused`. */
export async function reauthenticateWithPasskey(
  deps: KeysDeps,
  principal: UserPrincipal,
  response: AssertionResponse,
): Promise<TokenBody> {
  const { userId, sessionId, caller } = principal;
  const proven = await provePasskey(deps, caller, { for: 'reauthentication', userId }, response);
  await recordEvent(deps, deps.db, {
    type: 'session.reauthenticated',
    outcome: proven === null ? 'failure' : 'success',
    reason: 'passkey',
    actor: actorOf(principal),
    userId,
    sessionId,
    caller,
  });
  if (proven === null) throw new Problem('passkey_refused');
  await keepUsedFactors(deps, principal);
  return renewSession(deps, principal, AMR);
}
