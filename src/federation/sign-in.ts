import { type Account, presentUser, type UserBody } from '../accounts/account.ts';
import { createAccount } from '../accounts/create.ts';
import { findAccountById } from '../accounts/find.ts';
import { isAddress, isSameAddress, normalizeEmail } from '../accounts/normalize.ts';
import { toldName } from '../accounts/told-name.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import { completeAuthentication } from '../authentication/complete.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { claimMailbox } from '../passwords/claim-mailbox.ts';
import { findStoredPassword } from '../passwords/stored.ts';
import type { Caller } from '../platform/caller.ts';
import type { Sql, Tx } from '../platform/database.ts';
import { Problem, type ProblemCode } from '../platform/problems.ts';
import { rolesOfUser } from '../rbac/effective.ts';
import { type EndedSession, endSessionsOf, publishEnded } from '../sessions/end.ts';
import type { TokenBody } from '../sessions/token.ts';
import { type DeviceClaim, findKnownDevice } from '../throttle/devices.ts';
import type { ProvenIdentity } from './identity.ts';
import { providerName } from './provider.ts';
import { insertIdentity, lockAccountByKey, useIdentity } from './queries.ts';

/** How long the owner can remove the password that was there before a provider was linked, in seconds. */
const REMOVE_PASSWORD_LIFETIME = 7 * 86_400;

type Holder = Account & { readonly has_password: boolean };
interface Linked {
  readonly account: Account;
  readonly ended: readonly EndedSession[];
}

/**
 * Logs in the person whom a provider vouches for, by (issuer, subject) alone. A new identity, whose address the
 * provider must have verified, is linked to the account that has the address, or makes one where none has it. From an
 * unverified account, everything that was set before is removed first. Refuses with `account_disabled`, `unverified`
 * for an address that the provider did not verify, `identity_linking_refused` for one that nobody can have here,
 * `address_taken` for one that only looks like an account's or is kept for its former owner, and with what
 * `completeAuthentication` names.
 */
export async function signInWithIdentity(
  deps: KeysDeps,
  caller: Caller,
  identity: ProvenIdentity,
  devices: readonly DeviceClaim[],
  unverified = () => new Problem('identity_linking_refused'),
): Promise<UserBody & TokenBody> {
  const { db, clock } = deps;
  const account =
    (await useIdentity(db, identity, clock.now())) ??
    (await linkOrCreate(deps, caller, identity, unverified));
  if (account.disabled_at !== null) {
    await recordEvent(deps, db, {
      type: 'login.failed',
      outcome: 'failure',
      reason: 'account_disabled',
      actor: { kind: 'user', id: account.id },
      userId: account.id,
      caller,
    });
    throw new Problem('account_disabled');
  }
  const tokens = await completeAuthentication(deps, caller, {
    account,
    amr: ['fed'],
    subject: null,
    deviceId: await findKnownDevice(db, account.id, devices),
    identity: { issuer: identity.issuer, subject: identity.subject },
  });
  const fresh = (await findAccountById(db, account.id)) ?? account;
  return { ...presentUser(fresh, await rolesOfUser(db, account.id)), ...tokens };
}

// Two tabs may bring the same identity at once: the primary key lets one link it, and the other finds it linked.
async function linkOrCreate(
  deps: KeysDeps,
  caller: Caller,
  identity: ProvenIdentity,
  unverified: () => Problem,
): Promise<Account> {
  const { email, emailVerified } = identity;
  // An address that nobody can have here (ada@localhost) is not a member of the request, so it is no validation error.
  if (email === null || !emailVerified || !isAddress(email)) {
    await recordRefusal(deps, deps.db, caller, identity, { reason: 'identity_linking_refused' });
    throw email !== null && emailVerified ? new Problem('identity_linking_refused') : unverified();
  }
  for (let tries = 0; tries < 3; tries++) {
    const linked = await deps.db.transaction(tx => link(deps, tx, caller, identity, email)).catch(lostRace);
    if (linked === 'address_taken') throw new Problem(linked);
    if (linked !== null) {
      await publishEnded(deps, linked.ended);
      return (await findAccountById(deps.db, linked.account.id)) ?? linked.account;
    }
    const known = await useIdentity(deps.db, identity, deps.clock.now());
    if (known !== null) return known;
  }
  // Nobody has the address, yet nobody can take it: its former owner may still undo the change that gave it up.
  await recordRefusal(deps, deps.db, caller, identity, { reason: 'address_taken' });
  throw new Problem('address_taken');
}

class LostRace extends Error {}
const lostRace = (error: unknown) => {
  if (error instanceof LostRace) return null;
  throw error;
};

async function link(
  deps: KeysDeps,
  tx: Tx,
  caller: Caller,
  identity: ProvenIdentity,
  email: string,
): Promise<Linked | 'address_taken'> {
  const { clock } = deps;
  const found = await lockHolder(tx, email);
  // The provider vouches for this mailbox, not for another one that folds to the same key: admın@ is not admin@.
  if (found !== null && !isSameAddress(found.email, email)) {
    await recordRefusal(deps, tx, caller, identity, { reason: 'address_taken', userId: found.id });
    return 'address_taken';
  }
  const { account, ended } =
    found === null
      ? await create(deps, tx, caller, identity, email)
      : found.disabled_at === null
        ? await prepare(deps, tx, caller, found)
        : { account: found, ended: [] };
  // An account that is disabled gains no new way in.
  if (account.disabled_at !== null) return { account, ended };
  const tied = await insertIdentity(tx, { ...identity, userId: account.id, now: clock.now() });
  if (!tied) throw new LostRace();
  await recordEvent(deps, tx, {
    type: 'identity.linked',
    outcome: 'success',
    reason: identity.provider,
    actor: { kind: 'user', id: account.id },
    userId: account.id,
    caller,
  });
  if (found !== null) await tellOwner(deps, tx, caller, found, identity);
  return { account, ended };
}

// The password is read in a second statement, because the snapshot of the locking one is older than the lock.
async function lockHolder(tx: Tx, email: string): Promise<Holder | null> {
  const account = await lockAccountByKey(tx, normalizeEmail(email).key);
  if (account === null) return null;
  return { ...account, has_password: (await findStoredPassword(tx, account.id)) !== null };
}

function recordRefusal(
  deps: KeysDeps,
  sql: Sql,
  caller: Caller,
  { provider }: ProvenIdentity,
  { reason, userId = null }: { reason: ProblemCode; userId?: string | null },
): Promise<void> {
  return recordEvent(deps, sql, {
    type: 'identity.refused',
    outcome: 'refusal',
    reason,
    actor: anonymous,
    userId,
    caller,
    data: { provider },
  });
}

async function create(
  deps: KeysDeps,
  tx: Tx,
  caller: Caller,
  { firstName, lastName, provider }: ProvenIdentity,
  email: string,
): Promise<Linked> {
  const account = await createAccount(deps, tx, {
    email,
    firstName: firstName === '' ? (email.split('@')[0] as string).slice(0, 100) : firstName,
    lastName,
    emailVerified: true,
  });
  if (typeof account === 'string') throw new LostRace();
  await recordEvent(deps, tx, {
    type: 'signup.completed',
    outcome: 'success',
    reason: provider,
    actor: { kind: 'user', id: account.id },
    userId: account.id,
    caller,
  });
  return { account, ended: [] };
}

async function prepare(deps: KeysDeps, tx: Tx, caller: Caller, account: Holder): Promise<Linked> {
  const actor = { kind: 'user', id: account.id } as const;
  if (account.email_verified_at === null) {
    return { account, ended: await claimMailbox(deps, tx, { account, reason: 'provider', actor, caller }) };
  }
  const ended = account.has_password
    ? await endSessionsOf(deps, tx, { userId: account.id, reason: 'identity_linked', actor, caller })
    : [];
  return { account, ended };
}

async function tellOwner(
  deps: KeysDeps,
  tx: Tx,
  caller: Caller,
  account: Holder,
  identity: ProvenIdentity,
): Promise<void> {
  // The password of an unverified account was removed already.
  const removable = account.has_password && account.email_verified_at !== null;
  const removal = removable
    ? await issueChallenge(deps, tx, {
        purpose: 'remove-password',
        userId: account.id,
        sentTo: account.email,
        lifetime: REMOVE_PASSWORD_LIFETIME,
      })
    : null;
  await enqueueMail(deps, tx, {
    template: 'identity-linked',
    to: account.email,
    userId: account.id,
    params: {
      ...toldName(account),
      provider: providerName(deps.config, identity.provider),
      ...whereOf(caller, deps.clock.now()),
    },
    ...(removal !== null && { secrets: { token: removal.token } }),
  });
}
