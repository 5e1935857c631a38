import { printable } from '../platform/command-world.ts';
import type { Deps } from '../platform/deps.ts';
import { existingRoles } from '../rbac/role-reading.ts';

/** Stops a command that names a role which does not exist, before anything is asked or done. The verb would tell only its place. */
export async function requireKnownRoles({ db }: Pick<Deps, 'db'>, roles: readonly string[]): Promise<void> {
  const known = await existingRoles(db);
  const unknown = roles.find(role => !known.includes(role));
  if (unknown !== undefined)
    throw new Error(`There is no role "${printable(unknown)}": "roles list" shows every role.`);
}
