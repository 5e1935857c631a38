import { presentUser, type UserBody } from '../accounts/account.ts';
import { clearPendingEmail } from '../accounts/address.ts';
import { findAccountById } from '../accounts/find.ts';
import { normalizeProfile, type ProfileChange, setDisabled, writeProfile } from '../accounts/profile.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { changedMembers } from '../profile/update.ts';
import { voidLinks } from '../profile/void-links.ts';
import { recordDone } from '../rbac/decide.ts';
import { rolesOfUser } from '../rbac/effective.ts';
import { actorOf, type Granter } from '../rbac/granter.ts';
import { refuseLastAdministrator } from '../rbac/set-roles.ts';
import { type EndedSession, endSessionsOf, publishEnded } from '../sessions/end.ts';
import { onUser, type Target } from './on-user.ts';

export interface UserChange extends ProfileChange {
  readonly disabled?: boolean | undefined;
}

/**
 * Changes somebody's profile, lets them log in, or stops them: then their sessions have ended everywhere when this
 * returns. Refuses with `user_not_found`, `target_outranks_caller`, `last_administrator` and 422.
 */
export async function changeUser(
  deps: Deps,
  granter: Granter,
  userId: string,
  { disabled, ...profile }: UserChange,
): Promise<UserBody> {
  const row = await normalizeProfile(profile, await findAccountById(deps.db, userId));
  const type = disabled === undefined ? 'user.updated' : disabled ? 'user.disabled' : 'user.enabled';
  const act = { userId, needs: 'users:write', lock: 'change', type } as const;
  const { user, ended } = await onUser(deps, granter, act, async (tx, target) => {
    const { account } = target;
    if (disabled === true) {
      const last = await refuseLastAdministrator(tx, account);
      if (last !== null) return last;
    }
    const stopped = disabled === undefined ? [] : await switchLogin(deps, tx, { granter, target, disabled });
    const written = (await writeProfile(deps, tx, userId, row)) ?? account;
    const changed = changedMembers(account, written);
    if (changed.length > 0) {
      await recordDone(deps, tx, granter, {
        type: 'user.updated',
        userId,
        data: { changed },
      });
    }
    return { user: presentUser(written, await rolesOfUser(tx, userId)), ended: stopped };
  });
  await publishEnded(deps, ended);
  return user;
}

async function switchLogin(
  deps: Deps,
  tx: Tx,
  { granter, target: { account }, disabled }: { granter: Granter; target: Target; disabled: boolean },
): Promise<readonly EndedSession[]> {
  if ((account.disabled_at !== null) === disabled) return [];
  const actor = actorOf(granter);
  const { caller } = granter;
  await setDisabled(deps, tx, account.id, disabled);
  await recordDone(deps, tx, granter, {
    type: disabled ? 'user.disabled' : 'user.enabled',
    userId: account.id,
  });
  if (!disabled) return [];
  await voidLinks(deps, tx, account);
  // It may be a thief's: without this, once the account is enabled again, asking for another mail sends a link there.
  await clearPendingEmail(deps, tx, account.id);
  return endSessionsOf(deps, tx, { userId: account.id, reason: 'disabled', actor, caller });
}
