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
  const lacking = [...new Set(permissions)].sort().filter(permission => !held.has(permission));
  return lacking.length === 0
    ? null
    : new Refusal('grant_exceeds_own', { members: { permissions: lacking } });
}
