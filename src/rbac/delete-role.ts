import type { Deps } from '../platform/deps.ts';
import { decide, Refusal, recordDone } from './decide.ts';
import type { Granter } from './granter.ts';
import { deleteRoleRow, selectRole } from './queries.ts';

/**
 * Deletes a role, and so takes it from everybody who has it. Refuses with `role_not_found`, `role_built_in`, or
 * `target_outranks_caller` when the role holds a permission that the granter lacks.
 */
export async function deleteRole(deps: Deps, granter: Granter, name: string): Promise<void> {
  const event = { type: 'role.deleted', data: { role: name } } as const;
  await decide(deps, granter, { needs: 'roles:write', lock: 'change', event }, async (tx, held) => {
    const role = await selectRole(tx, name);
    if (role === null) return new Refusal('role_not_found');
    if (role.built_in) return new Refusal('role_built_in');
    if (role.permissions.some(permission => !held.has(permission)))
      return new Refusal('target_outranks_caller', {
        message: 'The role holds a permission that you lack.',
      });
    const holders = await deleteRoleRow(tx, name);
    await recordDone(deps, tx, granter, {
      ...event,
      data: { role: name, holders },
    });
    return null;
  });
}
