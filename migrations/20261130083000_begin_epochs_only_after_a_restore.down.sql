-- begin epochs only after a restore
create or replace function begin_audit_epoch(next integer) returns void
language plpgsql security definer set search_path from current as $$
begin
  perform set_config('lock_timeout', '5s', true);
  lock table audit_events in exclusive mode;
  execute format('create or replace function audit_epoch() returns integer language sql stable as ''select %s''', next);
end $$;
