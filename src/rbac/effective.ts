import type { Sql } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';

export { awaitsFactor, provenIn, rolesOfUser } from './queries.ts';

/** An array of the roles of a user, whose id is a column of the statement around it. */
export function rolesOf(userId: Fragment): Fragment {
  return sql`array(select ur.role_name from user_roles ur where ur.user_id = ${userId} order by ur.role_name)`;
}

/**
 * The roles of a user, and what they permit now. A role that requires a second factor permits nothing until the session has
 * been proven with one: `proven` is a condition.
 */
export async function effectiveGrants(
  database: Sql,
  { userId, proven }: { userId: string; proven: Fragment },
): Promise<{ roles: string[]; permissions: string[] }> {
  const id = sql`${userId}::uuid`;
  const grants = await database.row<{ roles: string[]; permissions: string[] }>(sql`
    select ${rolesOf(id)} as roles, array(
      select distinct rp.permission_name
      from user_roles ur join roles r on r.name = ur.role_name join role_permissions rp on rp.role_name = ur.role_name
      where ur.user_id = ${id} and (not r.mfa_required or ${proven})
      order by rp.permission_name) as permissions`);
  return grants ?? { roles: [], permissions: [] };
}
