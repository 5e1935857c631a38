-- What the service's own role may do, where it is not the role that owns the schema (MIGRATE_DATABASE_URL).
-- Every "db upgrade" and "db downgrade" runs this as the owner; by hand:
--   psql "$MIGRATE_DATABASE_URL" -v service_role=entrecore_service -f migrations/grants.sql
-- It can be repeated, and it takes back whatever the role holds beyond this.
select set_config('entrecore.service_role', :'service_role', false);
do $$
declare
  service text := current_setting('entrecore.service_role');
  entry record;
begin
  if service = current_user then
    return;
  end if;
  execute format('revoke all on schema %I from %I', current_schema(), service);
  execute format('grant usage on schema %I to %I', current_schema(), service);
  for entry in
    select format('%I.%I', current_schema(), relname) as name, relname, relkind, relispartition
    from pg_class where relnamespace = quote_ident(current_schema())::regnamespace and relkind in ('r', 'p', 'S')
  loop
    execute format('revoke all on %s from %I', entry.name, service);
    -- Reached through its parent only; or a month that retention took out of the trail and kept (--keep-tables).
    if entry.relispartition or entry.relname ~ '^audit_events_[0-9]{6}$' then
      continue;
    end if;
    execute format('grant %s on %s to %I', case
      when entry.relkind = 'S' then 'usage'
      -- The version of the roles is written by their triggers alone.
      when entry.relname in ('schema_revisions', 'role_versions') then 'select'
      -- The audit trail is append-only by privilege, not by its triggers alone.
      when entry.relname in ('audit_events', 'audit_batches', 'audit_prunings') then 'select, insert'
      else 'select, insert, update, delete'
    end, entry.name, service);
  end loop;
end $$;
