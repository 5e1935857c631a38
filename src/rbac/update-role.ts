import type { Deps } from '../platform/deps.ts';
import { decide, Refusal, recordDone } from './decide.ts';
import type { Granter } from './granter.ts';
import { replacePermissions, selectRole, writeRole } from './queries.ts';
import { refusePermissions } from './refuse-permissions.ts';
import { describe, type RoleBody } from './role.ts';

export interface RoleChange {
  readonly description: string;
  readonly permissions: readonly string[];
  /** Where left out, it stays as it was. */
  readonly mfaRequired?: boolean | undefined;
}

/**
 * Replaces what a role says and permits. Refuses with `role_not_found`, `target_outranks_caller` if it holds a permission that
 * the granter lacks, `grant_exceeds_own` if it would hold one, and `role_built_in` if `admin` would lose a permission.
 */
export function updateRole(
  deps: Deps,
  granter: Granter,
  name: string,
  change: RoleChange,
): Promise<RoleBody> {
  const description = describe(change.description);
  const permissions = [...new Set(change.permissions)].sort();
  const event = { type: 'role.updated', data: { role: name, permissions } } as const;
  return decide(deps, granter, { needs: 'roles:write', lock: 'change', event }, async (tx, held) => {
    const role = await selectRole(tx, name);
    if (role === null) return new Refusal('role_not_found');
    if (role.permissions.some(permission => !held.has(permission)))
      return new Refusal('target_outranks_caller', {
        message: 'The role holds a permission that you lack.',
      });
    const refused = await refusePermissions(tx, held, change.permissions);
    if (refused !== null) return refused;
    if (name === 'admin' && role.permissions.some(permission => !permissions.includes(permission)))
      return new Refusal('role_built_in', { message: 'The role admin holds every permission.' });

    const mfaRequired = change.mfaRequired ?? role.mfa_required;
    await writeRole(tx, { name, description, mfaRequired });
    await replacePermissions(tx, name, permissions);
    await recordDone(deps, tx, granter, {
      ...event,
      data: { ...event.data, before: role.permissions, mfa_required: mfaRequired },
    });
    return { name, description, permissions, mfa_required: mfaRequired, built_in: role.built_in };
  });
}
