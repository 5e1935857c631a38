import type { Deps } from '../platform/deps.ts';
import { decide, Refusal, recordDone } from './decide.ts';
import type { Granter } from './granter.ts';
import { insertRole, replacePermissions } from './queries.ts';
import { refusePermissions } from './refuse-permissions.ts';
import { describe, type RoleBody, roleName } from './role.ts';

export interface NewRole {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly string[];
  readonly mfaRequired: boolean;
}

/**
 * Makes a role. Refuses with `role_exists`, `grant_exceeds_own` for a permission that the granter lacks, and 422 for one
 * that does not exist.
 */
export function createRole(deps: Deps, granter: Granter, role: NewRole): Promise<RoleBody> {
  const name = roleName(role.name);
  const description = describe(role.description);
  const permissions = [...new Set(role.permissions)].sort();
  const event = { type: 'role.created', data: { role: name, permissions } } as const;
  return decide(deps, granter, { needs: 'roles:write', lock: 'change', event }, async (tx, held) => {
    const refused = await refusePermissions(tx, held, role.permissions);
    if (refused !== null) return refused;
    const made = await insertRole(tx, {
      name,
      description,
      mfaRequired: role.mfaRequired,
      now: deps.clock.now(),
    });
    if (!made) return new Refusal('role_exists');
    await replacePermissions(tx, name, permissions);
    await recordDone(deps, tx, granter, event);
    return { name, description, permissions, mfa_required: role.mfaRequired, built_in: false };
  });
}
