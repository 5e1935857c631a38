import type { Deps } from '../platform/deps.ts';
import { createRole } from '../rbac/create-role.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { ROLE_NAME } from '../rbac/role.ts';
import { existingRoles } from '../rbac/role-reading.ts';

const ROLE = new RegExp(ROLE_NAME);
// The longest name that a role may have: the field may belong to another column, and be long.
const SHOWN = 63;

/** Why the import does not give a role, and what to do about it. */
export function adviceOn(role: string): string {
  return ROLE.test(role)
    ? `nobody made ${role} (--create-roles makes it)`
    : `"${role.slice(0, SHOWN)}" can be no role: a-z, 0-9, _ and -, a letter first; write several with commas between them`;
}

/**
 * The roles that an import may give. With `createRoles` it makes those that are missing; with `dryRun` it only says
 * that it would.
 */
export async function openRoles(
  deps: Deps,
  { createRoles, dryRun }: { createRoles: boolean; dryRun: boolean },
) {
  const known = new Set(await existingRoles(deps.db));
  const granter = await operatorGranter(deps.db);
  return {
    /** Those of `names` that do not exist; with `createRoles`, those that could not be made. */
    async missing(names: readonly string[]): Promise<string[]> {
      const unknown = names.filter(name => !known.has(name));
      if (!createRoles) return unknown;
      const refused: string[] = [];
      for (const name of unknown) {
        if (!ROLE.test(name)) refused.push(name);
        else {
          const role = { name, description: 'From an import', permissions: [], mfaRequired: false };
          if (!dryRun) await createRole(deps, granter, role);
          known.add(name);
        }
      }
      return refused;
    },
  };
}
