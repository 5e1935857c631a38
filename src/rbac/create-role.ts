import { recordEvent } from '../audit/record.ts';
import type { Deps } from '../platform/deps.ts';
import { decide, Refusal } from './decide.ts';
import { actorOfGranter, type Granter } from './granter.ts';
import { insertRole, knownPermissions, replacePermissions } from './queries.ts';
import { describe, type RoleBody, roleName, unknownMembers } from './role.ts';

export interface NewRole {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly string[];
  readonly mfaRequired: boolean;
}

/**
 * Makes a role. Refuses with `role_exists`, `grant_exceeds_own` for a permission that the granter lacks, and 422 for one
 * that nobody made.
 */
export function createRole(deps: Deps, granter: Granter, role: NewRole): Promise<RoleBody> {
  const name = roleName(role.name);
  const description = describe(role.description);
  const permissions = [...new Set(role.permissions)].sort();
  const event = { type: 'role.created', data: { role: name, permissions } } as const;
  return decide(deps, granter, { needs: 'roles:write', lock: 'change', event }, async (tx, held) => {
    const unknown = unknownMembers('permissions', role.permissions, await knownPermissions(tx, permissions));
    if (unknown !== null) throw unknown;
    const lacking = permissions.filter(permission => !held.has(permission));
    if (lacking.length > 0) return new Refusal('grant_exceeds_own', { members: { permissions: lacking } });
    const made = await insertRole(tx, {
      name,
      description,
      mfaRequired: role.mfaRequired,
      now: deps.clock.now(),
    });
    if (!made) return new Refusal('role_exists');
    await replacePermissions(tx, name, permissions);
    await recordEvent(deps, tx, {
      ...event,
      outcome: 'success',
      actor: actorOfGranter(granter),
      caller: granter.caller,
    });
    return { name, description, permissions, mfa_required: role.mfaRequired, built_in: false };
  });
}
