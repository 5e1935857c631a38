import { presentUser, type UserBody } from '../accounts/account.ts';
import { planRemoval, REMOVAL_NEEDS } from '../mfa/removal.ts';
import { sendReset } from '../passwords/request-reset.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { removeAccount } from '../profile/remove-account.ts';
import { Refusal, recordDone } from '../rbac/decide.ts';
import { actorOf, type Granter } from '../rbac/granter.ts';
import { refuseLastAdministrator, setRoles } from '../rbac/set-roles.ts';
import { endSessionsOf, publishEnded } from '../sessions/end.ts';
import { unlockAccount } from '../throttle/lockout.ts';
import { onUser } from './on-user.ts';

/**
 * Replaces an account's roles with exactly these. Refuses with `user_not_found`, `target_outranks_caller`,
 * `grant_exceeds_own`, `last_administrator`, and 422 for a role that does not exist.
 */
export function setUserRoles(
  deps: Deps,
  granter: Granter,
  userId: string,
  roles: readonly string[],
): Promise<UserBody> {
  const act = { userId, needs: 'roles:write', lock: 'change', type: 'role.granted' } as const;
  return onUser(deps, granter, act, async (tx, { account, held }) => {
    const enabled = account.disabled_at === null;
    const set = await setRoles(deps, tx, { granter, held }, { userId, enabled, roles });
    return set instanceof Refusal ? set : presentUser(account, set);
  });
}

/** Ends every session of an account, everywhere, before it returns. Refuses with `user_not_found`, `target_outranks_caller`. */
export async function logoutUser(deps: Deps, granter: Granter, userId: string): Promise<number> {
  const act = { userId, needs: 'sessions:revoke', lock: 'act', type: 'user.logged_out' } as const;
  const ended = await onUser(deps, granter, act, async tx => {
    const actor = actorOf(granter);
    const { caller } = granter;
    const sessions = await endSessionsOf(deps, tx, {
      userId,
      reason: 'administrator',
      actor,
      caller,
      forgetDevices: true,
    });
    await recordDone(deps, tx, granter, {
      type: 'user.logged_out',
      userId,
      data: { sessions: sessions.length },
    });
    return sessions;
  });
  await publishEnded(deps, ended);
  return ended.length;
}

/** Lifts every lock of an account. Refuses with `user_not_found`, `target_outranks_caller`. */
export async function unlockUser(deps: Deps, granter: Granter, userId: string): Promise<void> {
  const act = { userId, needs: 'users:write', lock: 'act', type: 'user.unlocked' } as const;
  await onUser(deps, granter, act, async tx => {
    const { length: lanes } = await unlockAccount(tx, userId);
    await recordDone(deps, tx, granter, {
      type: 'user.unlocked',
      userId,
      data: { lanes },
    });
    return null;
  });
}

/**
 * Plans the removal of somebody's lost second factors in 24 hours; the owner is told and can stop it. By then the
 * granter must still be allowed to remove them. Returns when. Refuses with `user_not_found`, `target_outranks_caller`,
 * `factor_not_found`.
 */
export function removeUserFactors(deps: Deps, granter: Granter, userId: string): Promise<Date> {
  const act = { userId, needs: REMOVAL_NEEDS, lock: 'act', type: 'mfa.removal_requested' } as const;
  return onUser(deps, granter, act, async (tx, { account }) => {
    const due = await planRemoval(deps, tx, granter, { userId, email: account.email });
    return due ?? new Refusal('factor_not_found');
  });
}

/**
 * Mails somebody a reset link; the present password stays until the link is used. Refuses with `user_not_found`,
 * `target_outranks_caller`, and `rate_limited` when the mailbox got enough such mails this hour.
 */
export async function sendUserReset(deps: Deps, granter: Granter, userId: string): Promise<void> {
  const act = { userId, needs: 'users:write', lock: 'act', type: 'password.reset_requested' } as const;
  const sent = await onUser(deps, granter, act, (tx, { account }) =>
    sendReset(deps, tx, { account, actor: actorOf(granter), caller: granter.caller }),
  );
  if (!sent) throw new Problem('rate_limited', { retryAfter: 3600 });
}

/**
 * Removes somebody's account for good. Refuses with `user_not_found`, `target_outranks_caller`, `last_administrator`.
 */
export async function removeUser(deps: Deps, granter: Granter, userId: string): Promise<void> {
  const act = { userId, needs: 'users:write', lock: 'change', type: 'user.deleted' } as const;
  const ended = await onUser(deps, granter, act, async (tx, { account }) => {
    const last = await refuseLastAdministrator(tx, account);
    return last ?? removeAccount(deps, tx, { account, granter });
  });
  await publishEnded(deps, ended);
}
