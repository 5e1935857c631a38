import { decodeCursor, type Page, pageOf } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { selectRole, selectRoles } from './queries.ts';
import type { RoleBody } from './role.ts';

export { existingRoles } from './queries.ts';

/** The roles by name. */
export async function listRoles(
  { db }: Pick<Deps, 'db'>,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<RoleBody>> {
  const [after = ''] = decodeCursor(cursor, [/^.{1,100}$/]) ?? [];
  const rows = await selectRoles(db, { after, limit: limit + 1 });
  return pageOf(rows, limit, { keyOf: ({ name }) => [name], present: role => role });
}

/** One role. Refuses with `role_not_found`. */
export async function findRole({ db }: Pick<Deps, 'db'>, name: string): Promise<RoleBody> {
  const role = await selectRole(db, name);
  if (role === null) throw new Problem('role_not_found');
  return role;
}
