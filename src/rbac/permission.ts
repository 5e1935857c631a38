import type { Static } from 'typebox';
import { decodeCursor, type Page, pageOf } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { Type } from '../platform/json-schema.ts';
import { decide, Refusal, recordDone } from './decide.ts';
import type { Granter } from './granter.ts';
import {
  deletePermissionRow,
  insertPermission,
  isHeldBeyond,
  lengthOfPermissions,
  selectPermission,
  selectPermissions,
} from './queries.ts';
import { describe, permissionName } from './role.ts';

/** A permission as its administrators see it. */
export const permissionBody = Type.Object(
  {
    name: Type.String({ examples: ['reports:read'] }),
    description: Type.String({ examples: ['Read the reports'] }),
    built_in: Type.Boolean(),
  },
  { title: 'Permission' },
);
export type PermissionBody = Static<typeof permissionBody>;

/** The permissions by name. */
export async function listPermissions(
  { db }: Pick<Deps, 'db'>,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<PermissionBody>> {
  const [after = ''] = decodeCursor(cursor, [/^.{1,200}$/]) ?? [];
  const rows = await selectPermissions(db, { after, limit: limit + 1 });
  return pageOf(rows, limit, { keyOf: ({ name }) => [name], present: row => row });
}

// An administrator's access token names every permission, and must fit into the 16 KiB that the headers of a request may have:
// otherwise whoever may make permissions could keep all administrators out.
const LONGEST_LIST = 10_000;

/** Makes a permission, and gives it to administrators. Refuses with `permission_exists` or `permission_limit_reached`. */
export function createPermission(
  deps: Deps,
  granter: Granter,
  permission: { readonly name: string; readonly description: string },
): Promise<PermissionBody> {
  const name = permissionName(permission.name);
  const description = describe(permission.description);
  const event = { type: 'permission.created', data: { permission: name } } as const;
  return decide(deps, granter, { needs: 'roles:write', lock: 'change', event }, async tx => {
    if ((await lengthOfPermissions(tx)) + name.length > LONGEST_LIST)
      return new Refusal('permission_limit_reached');
    const made = await insertPermission(tx, { name, description, now: deps.clock.now() });
    if (!made) return new Refusal('permission_exists');
    await recordDone(deps, tx, granter, event);
    return { name, description, built_in: false };
  });
}

/**
 * Removes a permission from every role and client. Refuses with `permission_not_found`, `permission_built_in`,
 * `grant_exceeds_own` if the granter lacks it, and `target_outranks_caller` if a role other than `admin`, or a client, that
 * holds it also holds a permission that the granter lacks.
 */
export async function deletePermission(deps: Deps, granter: Granter, name: string): Promise<void> {
  const event = { type: 'permission.deleted', data: { permission: name } } as const;
  await decide(deps, granter, { needs: 'roles:write', lock: 'change', event }, async (tx, held) => {
    const permission = await selectPermission(tx, name);
    if (permission === null) return new Refusal('permission_not_found');
    if (permission.built_in) return new Refusal('permission_built_in');
    if (!held.has(name))
      return new Refusal('grant_exceeds_own', {
        message: 'You cannot remove a permission that you do not hold.',
        members: { permissions: [name] },
      });
    if (await isHeldBeyond(tx, name, [...held]))
      return new Refusal('target_outranks_caller', {
        message: 'A role or client with this permission also holds one that you lack.',
      });
    await deletePermissionRow(tx, name);
    await recordDone(deps, tx, granter, event);
    return null;
  });
}
