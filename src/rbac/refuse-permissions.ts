import type { Tx } from '../platform/database.ts';
import { Refusal } from './decide.ts';
import { knownPermissions } from './queries.ts';
import { unknownMembers } from './role.ts';

/**
 * A Refusal (`grant_exceeds_own`, naming them) when some of the `permissions` that a caller wants to give are not in
 * `held`; throws 422 for one that does not exist, naming its place in the list.
 */
export async function refusePermissions(
  tx: Tx,
  held: ReadonlySet<string>,
  permissions: readonly string[],
): Promise<Refusal | null> {
  const unknown = unknownMembers('permissions', permissions, await knownPermissions(tx, permissions));
  if (unknown !== null) throw unknown;
  return refuseLacking(held, [...new Set(permissions)].sort());
}

/** The same without looking whether they exist: the Refusal names those that are not in `held`, in this order. */
export function refuseLacking(held: ReadonlySet<string>, permissions: readonly string[]): Refusal | null {
  const lacking = permissions.filter(permission => !held.has(permission));
  return lacking.length === 0
    ? null
    : new Refusal('grant_exceeds_own', { members: { permissions: lacking } });
}
