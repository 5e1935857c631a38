import type { Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

/** What keeps the service itself from rewriting its trail. */
export type AppendOnly = 'privilege' | 'trigger' | 'nothing';

/**
 * Says what holds for the role of this connection: `privilege` when it may not change, remove or own the trail;
 * `trigger` when it owns it, so that only the triggers stand in the way; `nothing` when a trigger is gone or off.
 */
export async function appendOnlyBy(database: Sql): Promise<AppendOnly> {
  const row = await database.row<{ powerful: boolean; triggers: boolean }>(sql`
    with trail as (select c.oid, c.relowner from pg_class c
      where c.oid in ('audit_events'::regclass, 'audit_batches'::regclass, 'audit_prunings'::regclass)
        or c.oid in (select inhrelid from pg_inherits where inhparent = 'audit_events'::regclass))
    select bool_or(pg_has_role(current_user, relowner, 'member') or has_table_privilege(oid, 'update')
        or has_table_privilege(oid, 'delete') or has_table_privilege(oid, 'truncate')) as powerful,
      bool_and(2 = (select count(*) from pg_trigger t join pg_proc p on p.oid = t.tgfoid
        where t.tgrelid = trail.oid and t.tgenabled in ('O', 'A') and p.proname = 'refuse_change')) as triggers
    from trail`);
  if (row?.powerful === false) return 'privilege';
  return row?.triggers === true ? 'trigger' : 'nothing';
}
