// $1: the schema; $2: the version table, which no revision makes. Objects that an extension brought are left out.
const mine = (catalog: string, oid: string) =>
  `not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${oid} and deptype = 'e')`;
const relations = `
  select c.* from pg_class c
  where c.relnamespace = (select oid from pg_namespace where nspname = $1) and c.relname <> $2
    and ${mine('pg_class', 'c.oid')}`;
const privileges = (acl: string, kind: string, owner: string) => `
  (select grantee, string_agg(privilege_type || case when is_grantable then '*' else '' end, ', ' order by privilege_type)
   from aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner}))) group by grantee) as held (grantee, list)`;
// A migrating role without the owner's rights cannot change the object; several owners are no fault while it has the rights
// of each.
const strangerIn = (owner: string) =>
  `case when not pg_has_role(${owner}, 'usage') then 'owned by ' || ${owner}::regrole end`;
const me = '(select oid from pg_roles where rolname = current_user)';
const grantee = (owner: string) =>
  `case when held.grantee = 0 then 'PUBLIC' when held.grantee = ${owner} then 'its owner'
   else held.grantee::regrole::text end`;

/** Each returns `key` and `value`: an object's name and its whole definition. */
export const catalogueQueries: readonly string[] = [
  `with relations as (${relations})
   select case relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'S' then 'sequence ' else 'table ' end
       || relname as key,
     concat_ws(' ', 'with (' || (select string_agg(option, ', ' order by option) from unnest(reloptions) as option) || ')',
       case when relpersistence <> 'p' then 'persistence ' || relpersistence::text end,
       case when relrowsecurity then 'row security' end, case when relforcerowsecurity then 'forced' end,
       ${strangerIn('relowner')},
       case when relkind in ('v', 'm') then pg_get_viewdef(oid, true) end) as value
   from relations where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not relispartition`,

  `with relations as (${relations})
   select 'partitioning ' || relname as key, pg_get_partkeydef(oid) as value
   from relations where relkind = 'p' and not relispartition`,

  `with relations as (${relations})
   select 'column ' || relname || '.' || attname as key,
     concat_ws(' ', format_type(atttypid, atttypmod),
       case when attnotnull then 'not null' end,
       case when attcollation <> 0 and attcollation <> 100 then 'collate ' || attcollation::regcollation end,
       case when attidentity <> '' then 'identity ' || attidentity::text end,
       case when attgenerated <> '' then 'generated' end,
       'default ' || pg_get_expr(adbin, adrelid, true)) as value
   from relations join pg_attribute on attrelid = relations.oid and attnum > 0 and not attisdropped
   left join pg_attrdef on adrelid = attrelid and adnum = attnum
   where relkind in ('r', 'p', 'f') and not relispartition`,

  // NOT NULL is part of the column above; PostgreSQL 18 lists it here as well, under a name that nobody chose.
  `with relations as (${relations})
   select 'constraint ' || relname || '.' || conname as key,
     concat(pg_get_constraintdef(pg_constraint.oid, true), (
       select ' (its triggers are not on)' from pg_trigger
       where tgconstraint = pg_constraint.oid and tgenabled <> 'O' limit 1)) as value
   from relations join pg_constraint on conrelid = relations.oid
   where not relispartition and contype in ('c', 'f', 'p', 'u', 'x')`,

  `with relations as (${relations})
   select 'index ' || i.relname as key,
     pg_get_indexdef(i.oid, 0, true) || case when indisvalid then '' else ' (invalid)' end as value
   from relations join pg_index on indrelid = relations.oid join pg_class i on i.oid = indexrelid
   where not relations.relispartition
     and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))`,

  `with relations as (${relations})
   select 'trigger ' || relname || '.' || tgname as key,
     pg_get_triggerdef(pg_trigger.oid, true) || case tgenabled when 'O' then '' else ' (enabled: ' || tgenabled::text || ')' end
   as value
   from relations join pg_trigger on tgrelid = relations.oid where not tgisinternal and not relispartition`,

  `select 'function ' || p.oid::regprocedure as key,
     concat_ws(' ', pg_get_functiondef(p.oid), ${strangerIn('proowner')}) as value
   from pg_proc p where pronamespace = (select oid from pg_namespace where nspname = $1) and prokind in ('f', 'p')
     and $2 <> '' and ${mine('pg_proc', 'p.oid')}`,

  `select 'type ' || typname as key, case typtype
     when 'e' then (select string_agg(enumlabel, ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid)
     else concat_ws(' ', format_type(typbasetype, typtypmod), case when typnotnull then 'not null' end,
       'default ' || typdefault, (
         select string_agg(pg_get_constraintdef(oid, true), ' ' order by conname) from pg_constraint
         where contypid = t.oid and contype = 'c'), ${strangerIn('typowner')}) end as value
   from pg_type t where typnamespace = (select oid from pg_namespace where nspname = $1) and typtype in ('e', 'd')
     and $2 <> '' and ${mine('pg_type', 't.oid')}`,

  `select 'policy ' || tablename || '.' || policyname as key,
     concat_ws(' ', permissive, cmd, roles, 'using ' || qual, 'check ' || with_check) as value
   from pg_policies where schemaname = $1 and $2 <> ''`,

  `with relations as (${relations})
   select 'rule ' || relname || '.' || rulename as key, pg_get_ruledef(pg_rewrite.oid, true) as value
   from relations join pg_rewrite on ev_class = relations.oid where rulename <> '_RETURN'`,

  `with relations as (${relations})
   select 'comment ' || relname || coalesce('.' || attname, '') as key, description as value
   from relations join pg_description on objoid = relations.oid and classoid = 'pg_class'::regclass
   left join pg_attribute on attrelid = relations.oid and attnum = objsubid and objsubid > 0`,

  `with relations as (${relations})
   select 'grant ' || relname || ' to ' || ${grantee('relowner')} as key, held.list as value
   from relations, lateral ${privileges('relacl', 'r', 'relowner')} where relkind in ('r', 'p', 'v', 'm', 'f')
   union all
   select 'grant ' || relname || ' to ' || ${grantee('relowner')}, held.list
   from relations, lateral ${privileges('relacl', 's', 'relowner')} where relkind = 'S'
   union all
   select 'grant ' || relname || '.' || attname || ' to ' || ${grantee('relowner')}, held.list
   from relations join pg_attribute on attrelid = relations.oid and attacl is not null,
     lateral ${privileges('attacl', 'c', 'relowner')}
   union all
   select 'grant ' || p.oid::regprocedure || ' to ' || ${grantee('proowner')}, held.list
   from pg_proc p, lateral ${privileges('proacl', 'f', 'proowner')}
   where pronamespace = (select oid from pg_namespace where nspname = $1) and ${mine('pg_proc', 'p.oid')}`,

  // Left out: what PostgreSQL grants to everybody, which differs by version, and the migrating role's right to create, held
  // by its own name or through a group whose rights it has. From PostgreSQL 16 on a role's creator is also a member of it,
  // but without its rights.
  `select 'grant on the schema to ' || held.grantee::regrole as key, held.list as value
   from pg_namespace, lateral ${privileges('nspacl', 'n', 'nspowner')}
   where nspname = $1 and $2 <> '' and held.grantee not in (0, nspowner, ${me})
     and not exists (
       select from pg_auth_members m where roleid = held.grantee and member = ${me}
         and to_jsonb(m) ->> 'inherit_option' is distinct from 'false')
   union all
   select 'grant on the version table' || coalesce(' (' || attname || ')', '') || ' to ' || ${grantee('relowner')}, held.list
   from pg_class, lateral (
     select null as attname, relacl as acl union all
     select attname, attacl from pg_attribute where attrelid = pg_class.oid and attacl is not null) as rights,
     lateral ${privileges('acl', 'r', 'relowner')}
   where relnamespace = (select oid from pg_namespace where nspname = $1) and relname = $2
     and held.grantee <> relowner`,

  `with relations as (${relations})
   select format('partition %s of %s %s', relations.relname, inhparent::regclass,
       pg_get_expr(relations.relpartbound, relations.oid)) as key,
     (select string_agg(line, E'\\n' order by line) from (
       select 'column ' || attname || ' ' || concat_ws(' ', format_type(atttypid, atttypmod),
         case when attnotnull then 'not null' end, 'default ' || pg_get_expr(adbin, adrelid, true)) as line
       from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
       where attrelid = relations.oid and attnum > 0 and not attisdropped
       union all
       select 'constraint ' || pg_get_constraintdef(oid, true) from pg_constraint
       where conrelid = relations.oid and contype in ('c', 'f', 'p', 'u', 'x')
       union all
       select 'index ' || regexp_replace(pg_get_indexdef(indexrelid, 0, true), ' INDEX .* USING ', ' INDEX USING ')
         || case when indisvalid then '' else ' (invalid)' end
       from pg_index where indrelid = relations.oid
       union all
       select 'trigger ' || replace(replace(pg_get_triggerdef(oid, true), tgname, ''), relations.relname, '')
         || ' ' || tgenabled::text
       from pg_trigger where tgrelid = relations.oid and not tgisinternal
       union all
       select 'persistence ' || relations.relpersistence::text where relations.relpersistence <> 'p'
       union all
       select 'owner ' || relations.relowner::regrole where relations.relowner <> parent.relowner
     ) as lines) as value
   from relations join pg_inherits on inhrelid = relations.oid join pg_class parent on parent.oid = inhparent
   where relations.relispartition and relations.relkind in ('r', 'p')`,
];
