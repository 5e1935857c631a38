import { type Fragment, sql } from '../platform/sql.ts';

export { lockGrants } from './queries.ts';

/**
 * Why the requester may no longer do something to a user: `permission_denied` if they lost the permission that it needs, were
 * disabled or are gone; `target_outranks_caller` if the user holds a permission that they lack; else null. The ids and the
 * kind are columns of the statement around it.
 */
export function presentRefusal(
  needs: string,
  requester: { readonly kind: Fragment; readonly id: Fragment },
  userId: Fragment,
): Fragment {
  // As with an invitation, roles count with or without a second factor: there is no session left to look at.
  const held = sql`
    select rp.permission_name from users u
      join user_roles ur on ur.user_id = u.id join role_permissions rp on rp.role_name = ur.role_name
    where ${requester.kind} = 'user' and u.id = ${requester.id} and u.disabled_at is null
    union all
    select cp.permission_name from client_permissions cp
    where ${requester.kind} = 'client' and cp.client_id = ${requester.id}`;
  return sql`case
    when ${requester.kind} = 'operator' then null
    when ${needs}::text not in (${held}) then 'permission_denied'
    when exists (
      select rp.permission_name from user_roles ur join role_permissions rp on rp.role_name = ur.role_name
      where ur.user_id = ${userId}
      except (${held})) then 'target_outranks_caller' end`;
}
