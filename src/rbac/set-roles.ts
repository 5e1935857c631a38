import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Refusal, recordDone } from './decide.ts';
import type { Granter } from './granter.ts';
import {
  knownRoles,
  otherAdministrator,
  readRolePermissions,
  readUserPermissions,
  replaceUserRoles,
  rolesOfUser,
} from './queries.ts';
import { refuseLacking } from './refuse-permissions.ts';
import { unknownMembers } from './role.ts';

export { grantMany, hasAdministrator } from './queries.ts';

export interface Grant {
  readonly userId: string;
  /** Whether the account may log in: the last administrator who may keeps the role. */
  readonly enabled: boolean;
  readonly roles: readonly string[];
}

/**
 * Makes the roles of a user exactly these, inside `decide` with the lock `change`; returns them sorted. A Refusal is
 * `target_outranks_caller`, `grant_exceeds_own` or `last_administrator`; throws 422 for a role that does not exist.
 */
export async function setRoles(
  deps: Deps,
  tx: Tx,
  { granter, held }: { granter: Granter; held: ReadonlySet<string> },
  { userId, enabled, roles }: Grant,
): Promise<string[] | Refusal> {
  const wanted = [...new Set(roles)].sort();
  const unknown = unknownMembers('roles', roles, await knownRoles(tx, wanted));
  if (unknown !== null) throw unknown;
  const outranked = await refuseOutranked(tx, held, userId);
  if (outranked !== null) return outranked;

  const present = await rolesOfUser(tx, userId);
  const granted = wanted.filter(role => !present.includes(role));
  const revoked = present.filter(role => !wanted.includes(role));
  const lacking = refuseLacking(held, await readRolePermissions(tx, granted));
  if (lacking !== null) return lacking;
  if (revoked.includes('admin') && enabled && !(await otherAdministrator(tx, userId)))
    return new Refusal('last_administrator');

  await replaceUserRoles(tx, { userId, roles: wanted, now: deps.clock.now() });
  for (const role of granted)
    await recordDone(deps, tx, granter, { type: 'role.granted', userId, data: { role } });
  for (const role of revoked)
    await recordDone(deps, tx, granter, { type: 'role.revoked', userId, data: { role } });
  return wanted;
}

/** A Refusal when the user holds a permission that is not in `held`: nobody acts on somebody who holds more. */
export async function refuseOutranked(
  tx: Tx,
  held: ReadonlySet<string>,
  userId: string,
): Promise<Refusal | null> {
  const permissions = await readUserPermissions(tx, userId);
  return permissions.every(permission => held.has(permission)) ? null : new Refusal('target_outranks_caller');
}

/** A Refusal when these roles hold a permission that is not in `held`; throws 422 for a role that does not exist. */
export async function refuseGrant(
  tx: Tx,
  held: ReadonlySet<string>,
  roles: readonly string[],
): Promise<Refusal | null> {
  const unknown = unknownMembers('roles', roles, await knownRoles(tx, roles));
  if (unknown !== null) throw unknown;
  return refuseLacking(held, await readRolePermissions(tx, roles));
}

/** Whether everything that these roles contain is in `held`; a role that is gone contains nothing. */
export async function holdsAll(
  tx: Tx,
  held: ReadonlySet<string>,
  roles: readonly string[],
): Promise<boolean> {
  return (await readRolePermissions(tx, roles)).every(permission => held.has(permission));
}

/** A Refusal when this is the last administrator who may log in; call it inside `decide` with the lock `change`. */
export async function refuseLastAdministrator(
  tx: Tx,
  user: { readonly id: string; readonly disabled_at: Date | null },
): Promise<Refusal | null> {
  if (user.disabled_at !== null || !(await rolesOfUser(tx, user.id)).includes('admin')) return null;
  return (await otherAdministrator(tx, user.id)) ? null : new Refusal('last_administrator');
}
