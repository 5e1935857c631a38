import { isAddress, normalizeLogin } from '../accounts/normalize.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import { completeAuthentication } from '../authentication/complete.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem } from '../platform/problems.ts';
import type { TokenBody } from '../sessions/token.ts';
import type { DeviceClaim } from '../throttle/devices.ts';
import { recordFailedAttempt } from '../throttle/failed-attempt.ts';
import { checkOrGiveBack, refuseLocked, unknownSubjects, writeOrGiveBack } from '../throttle/lockout.ts';
import { attemptInTurn } from '../throttle/turns.ts';
import { hasExpired } from './expiry.ts';
import { type LoginReading, type LoginRow, readLogin, replaceHash } from './login-queries.ts';
import { ownerOf } from './own-words.ts';
import { isWeakPassword } from './policy.ts';
import { updateWeak } from './queries.ts';
import { reportUnusable } from './unusable-hash.ts';

export interface Credentials {
  /** A username or an address, in any case. */
  readonly name: string;
  readonly password: string;
  /** The known devices that the request carries, by cookie or `device_token`. */
  readonly devices: readonly DeviceClaim[];
}

/**
 * Exchanges a name and a password for tokens (RFC 6749 §4.3, for first-party clients only). One statement reads the
 * account and takes an attempt, then the hash is computed, and one statement lets the person in. A name that nobody
 * has, an account without a password and a disabled one cost the same and answer `invalid_credentials`. Also refuses
 * with `too_many_attempts`, and after the right password with what `completeAuthentication` names.
 */
export function login(deps: KeysDeps, caller: Caller, credentials: Credentials): Promise<TokenBody> {
  // A crowd is refused before each login costs the database two writes: an attempt taken, and given back.
  return deps.hasher.admit(() => tryToLogIn(deps, caller, credentials));
}

function tryToLogIn(deps: KeysDeps, caller: Caller, credentials: Credentials): Promise<TokenBody> {
  const key = normalizeLogin(credentials.name);
  const reading = { key, unknown: unknownSubjects(deps, key), devices: credentials.devices };
  return attemptInTurn(
    deps.db,
    () => deps.hasher.prepare(() => readLogin(deps, reading), caller.hungUp),
    found => checkPassword(deps, caller, credentials, found),
  );
}

async function checkPassword(
  deps: KeysDeps,
  caller: Caller,
  { name, password }: Credentials,
  found: LoginReading,
): Promise<TokenBody> {
  const { hasher } = deps;
  if (!found.allowed) {
    await recordFailure(deps, caller, found, name, 'refusal', 'too_many_attempts');
    refuseLocked(deps, found);
  }

  const { account } = found;
  const hash = account?.password_hash ?? null;
  const { matches, evenOut } = await checkOrGiveBack(deps, found, () =>
    hasher.compare(hash, password, caller.hungUp),
  );
  if (!matches || account === null || hash === null || account.disabled_at !== null) {
    await evenOut();
    if (account !== null) reportUnusable(deps, caller, account.id, hash);
    await recordFailure(deps, caller, found, name, 'failure', reasonOf(account, matches));
    throw new Problem('invalid_credentials');
  }

  const weak = await writeOrGiveBack(deps, found.subject, () =>
    refreshStored(deps, caller, { account, hash, password }),
  );
  const tokens = await completeAuthentication(deps, caller, {
    account,
    amr: ['pwd'],
    subject: found.subject,
    deviceId: found.deviceId,
    passwordExpired: hasExpired(deps, account.password_changed_at),
    passwordSetAt: account.password_changed_at,
  });
  return weak ? { ...tokens, password_weak: true } : tokens;
}

// What only a login can do, because only a login knows the password: a stronger hash, and a check by today's policy,
// whose verdict it returns.
async function refreshStored(
  deps: KeysDeps,
  caller: Caller,
  { account, hash, password }: { account: LoginRow; hash: string; password: string },
): Promise<boolean> {
  const { db, hasher } = deps;
  const userId = account.id;
  const weak = await isWeakPassword(deps, password, ownerOf(account));
  if (weak !== account.password_weak) await updateWeak(db, { userId, hash, weak });
  if (!hasher.needsRehash(hash, password)) return weak;
  // Neither a full queue nor a caller who hung up is a reason to refuse somebody who is in: the next login tries again.
  const stronger = await hasher.hash(password, caller.hungUp).catch(() => null);
  if (stronger === null || (await replaceHash(db, { userId, from: hash, to: stronger })) === 0) return weak;
  await recordEvent(deps, db, {
    type: 'password.rehashed',
    outcome: 'success',
    actor: { kind: 'user', id: userId },
    userId,
    caller,
  });
  return weak;
}

function reasonOf(account: LoginRow | null, matches: boolean): string {
  if (account === null) return 'unknown_name';
  if (account.password_hash === null) return 'no_password';
  return matches ? 'account_disabled' : 'wrong_password';
}

async function recordFailure(
  deps: KeysDeps,
  caller: Caller,
  found: LoginReading,
  name: string,
  outcome: 'failure' | 'refusal',
  reason: string,
): Promise<void> {
  const { account, lockedUntil, subject } = found;
  // People type passwords into the wrong field: a name that nobody has is kept only if it is an address. Every name is looked at,
  // since 12 µs told known from unknown.
  const nameIsAddress = isAddress(name);
  const tellable = account !== null || nameIsAddress;
  const event = {
    type: outcome === 'failure' ? 'login.failed' : 'login.refused',
    outcome,
    reason,
    actor: anonymous,
    userId: account?.id ?? null,
    caller,
    ...(tellable && { personal: { name } }),
  } as const;
  if (outcome === 'refusal') return recordEvent(deps, deps.db, event);
  return recordFailedAttempt(deps, event, { subject, lockedUntil, email: account?.email ?? null });
}
