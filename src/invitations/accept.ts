import { type Account, presentUser, type UserBody } from '../accounts/account.ts';
import { createAccount } from '../accounts/create.ts';
import { findAccountByAddress, findAccountById, lockAccount } from '../accounts/find.ts';
import { isSameAddress } from '../accounts/normalize.ts';
import { normalizeProfile, writeProfile } from '../accounts/profile.ts';
import { recordEvent } from '../audit/record.ts';
import type { Challenge } from '../challenges/challenge.ts';
import { consumeChallenge, findChallenge, voidSent } from '../challenges/consume.ts';
import { claimMailbox } from '../passwords/claim-mailbox.ts';
import { isSamePassword, requirePolicy } from '../passwords/policy.ts';
import { setPassword } from '../passwords/set.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { decide, Refusal } from '../rbac/decide.ts';
import type { Granter } from '../rbac/granter.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { refuseGrant, setRoles } from '../rbac/set-roles.ts';
import { type EndedSession, publishEnded } from '../sessions/end.ts';
import type { InvitationData } from './queries.ts';

export interface Acceptance {
  readonly token: string;
  readonly first_name: string;
  readonly last_name: string;
  readonly phone_number?: string | null | undefined;
  readonly password: string;
  readonly confirm_password: string;
}

interface Matter {
  readonly invitation: Challenge;
  readonly granter: Granter;
  readonly held: ReadonlySet<string>;
  readonly token: string;
  readonly profile: Awaited<ReturnType<typeof normalizeProfile>>;
  readonly hash: string;
  readonly caller: Caller;
}

/**
 * Makes the account that an invitation offers, with its roles, its address proven and a password; once, within seven
 * days. Whoever invited must still exist and hold what the roles permit. An unverified account that somebody made with
 * the address meanwhile is claimed: what was set on it before is removed. Refuses with `invitation_invalid`,
 * `passwords_differ`, `email_taken` where a verified account has the address or any account has one that looks like it,
 * and 422; a refusal does not spend the invitation.
 */
export async function acceptInvitation(
  deps: Deps,
  caller: Caller,
  acceptance: Acceptance,
): Promise<UserBody> {
  const { db, hasher } = deps;
  const { token, password, first_name, last_name, phone_number = null } = acceptance;
  if (!isSamePassword(password, acceptance.confirm_password)) throw new Problem('passwords_differ');
  const invitation = await findChallenge(deps, db, { purpose: 'invitation', token });
  if (invitation === null) throw new Problem('invitation_invalid');
  const profile = await normalizeProfile({ first_name, last_name, phone_number });
  const names = [String(profile.firstName), String(profile.lastName)];
  await requirePolicy(deps, { password, owner: { email: String(invitation.sentTo), names }, caller });
  const hash = await hasher.hash(password, caller.hungUp);

  const granter = await inviter(deps, caller, invitation);
  const matter = { needs: 'users:write', lock: 'change', event: { type: 'invitation.accepted' } } as const;
  const { user, ended } = await decide(deps, granter, matter, (tx, held) =>
    enter(deps, tx, { invitation, granter, held, token, profile, hash, caller }),
  ).catch((error: unknown) => {
    // To the invited person all of these mean the same: nobody vouches for the invitation any more.
    const withdrawn = error instanceof Problem && GRANTER_LOST.has(error.code);
    throw withdrawn ? new Problem('invitation_invalid') : error;
  });
  await publishEnded(deps, ended);
  return user;
}

const GRANTER_LOST: ReadonlySet<string> = new Set([
  'token_revoked',
  'permission_denied',
  'grant_exceeds_own',
  'target_outranks_caller',
  'validation_failed',
]);

// Claims every permission; `decide` leaves only those that the inviter still holds.
async function inviter(deps: Deps, caller: Caller, { data }: Challenge): Promise<Granter> {
  const { invited_by: by } = data as unknown as InvitationData;
  const operator = await operatorGranter(deps.db);
  if (by.kind === 'operator') return operator;
  const { permissions } = operator;
  if (by.kind === 'client') return { kind: 'client', clientId: by.id, permissions, caller };
  const account = await findAccountById(deps.db, by.id);
  if (account === null || account.disabled_at !== null) throw new Problem('invitation_invalid');
  return { kind: 'user', userId: by.id, sessionId: null, permissions, caller };
}

async function enter(
  deps: Deps,
  tx: Tx,
  matter: Matter,
): Promise<{ user: UserBody; ended: readonly EndedSession[] } | Refusal> {
  const { invitation, held, token, hash, caller } = matter;
  const { roles } = invitation.data as unknown as InvitationData;
  const refused = await refuseGrant(tx, held, roles);
  if (refused !== null) return refused;
  const address = String(invitation.sentTo);
  const found = await findAccountByAddress(tx, address);
  const present = found === null ? null : await lockAccount(tx, found.id);
  // Reading the invited mailbox proves that address alone, and no other that only folds to the same key.
  const claimable =
    present === null ||
    (present.email_verified_at === null &&
      present.disabled_at === null &&
      isSameAddress(present.email, address));
  if (!claimable) return new Refusal('email_taken');
  const spent = await consumeChallenge(deps, tx, { purpose: 'invitation', token });
  if (spent === null) return new Refusal('invitation_invalid');

  const { account, ended } =
    present === null
      ? { account: await create(deps, tx, matter, address), ended: [] }
      : await claim(deps, tx, matter, present);
  await setPassword(deps, tx, { userId: account.id, hash });
  await voidSent(deps, tx, { purpose: 'invitation', sentTo: address });
  await recordEvent(deps, tx, {
    type: 'invitation.accepted',
    outcome: 'success',
    actor: { kind: 'user', id: account.id },
    userId: account.id,
    caller,
    data: { invitation: invitation.id, roles },
  });
  return { user: presentUser(account, roles), ended };
}

async function create(
  deps: Deps,
  tx: Tx,
  { invitation, profile, caller }: Matter,
  address: string,
): Promise<Account> {
  const { roles, invited_by: actor } = invitation.data as unknown as InvitationData;
  const account = await createAccount(deps, tx, {
    email: address,
    firstName: String(profile.firstName),
    lastName: String(profile.lastName),
    phoneNumber: profile.phoneNumber,
    emailVerified: true,
    roles,
  });
  // Somebody signed up with the address this very moment. Throwing here rolls back, so the invitation is not spent.
  if (typeof account === 'string') throw new Problem('email_taken');
  for (const role of roles) {
    const written = { outcome: 'success', actor, userId: account.id, caller } as const;
    await recordEvent(deps, tx, { ...written, type: 'role.granted', data: { role } });
  }
  return account;
}

async function claim(
  deps: Deps,
  tx: Tx,
  { invitation, granter, held, profile, caller }: Matter,
  present: Account,
): Promise<{ account: Account; ended: readonly EndedSession[] }> {
  const { roles } = invitation.data as unknown as InvitationData;
  const userId = present.id;
  const actor = { kind: 'user', id: userId } as const;
  const ended = await claimMailbox(deps, tx, { account: present, reason: 'invitation', actor, caller });
  const set = await setRoles(deps, tx, { granter, held }, { userId, enabled: true, roles });
  if (set instanceof Refusal) throw new Problem(set.code, set.options);
  await writeProfile(deps, tx, userId, profile);
  return { account: (await findAccountById(tx, userId)) as Account, ended };
}
