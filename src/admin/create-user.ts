import { presentUser, type UserBody } from '../accounts/account.ts';
import { createAccount } from '../accounts/create.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { normalizeProfile } from '../accounts/profile.ts';
import { sendReset } from '../passwords/request-reset.ts';
import { setPassword } from '../passwords/set.ts';
import type { Deps } from '../platform/deps.ts';
import { decide, Refusal, recordDone } from '../rbac/decide.ts';
import { actorOf, type Granter } from '../rbac/granter.ts';
import { refuseGrant } from '../rbac/set-roles.ts';
import { wholeNameOf } from './whole-name.ts';

export interface NewUser {
  readonly email: string;
  readonly username?: string | undefined;
  /** A missing first or last name comes from the full name; without one, the first name is the address before the @. */
  readonly first_name?: string | undefined;
  readonly last_name?: string | undefined;
  readonly full_name?: string | undefined;
  readonly phone_number?: string | null | undefined;
  /** `user` where left out. */
  readonly roles?: readonly string[] | undefined;
}

/** What only the operator may say of a new account. */
export interface Vouched {
  readonly verified?: boolean;
  /** Null: no password, and a mail with a link that sets one and proves the mailbox. */
  readonly passwordHash?: string | null;
}

/**
 * Creates an account for an administrator, unverified and without a password: its owner is mailed a link that sets one
 * and proves the mailbox. The operator may vouch for the address and give a password. Refuses with `email_taken`,
 * `username_taken`, `grant_exceeds_own` and 422.
 */
export async function createUser(
  deps: Deps,
  granter: Granter,
  user: NewUser,
  { verified = false, passwordHash = null }: Vouched = {},
): Promise<UserBody> {
  const { address } = normalizeEmail(user.email);
  const profile = await normalizeProfile(user);
  const { firstName: first, lastName: last, fullName: full } = profile;
  const names = wholeNameOf({ first, last, full }, address);
  const roles = [...new Set(user.roles ?? ['user'])].sort();
  const matter = {
    needs: 'users:write',
    lock: 'change',
    event: { type: 'user.created', data: { roles } },
  } as const;
  return decide(deps, granter, matter, async (tx, held) => {
    const refused = await refuseGrant(tx, held, roles);
    if (refused !== null) return refused;
    const account = await createAccount(deps, tx, {
      email: address,
      ...(user.username !== undefined && { username: user.username }),
      ...names,
      phoneNumber: profile.phoneNumber,
      emailVerified: verified,
      roles,
    });
    if (typeof account === 'string') return new Refusal(account);
    const actor = actorOf(granter);
    const userId = account.id;
    await recordDone(deps, tx, granter, { type: 'user.created', userId, data: { roles } });
    for (const role of roles)
      await recordDone(deps, tx, granter, { type: 'role.granted', userId, data: { role } });
    if (passwordHash === null) await sendReset(deps, tx, { account, actor, caller: granter.caller });
    else {
      await setPassword(deps, tx, { userId, hash: passwordHash });
      await recordDone(deps, tx, granter, { type: 'password.set', userId });
    }
    return presentUser(account, roles);
  });
}
