-- split the keys of personal fields
-- Also months that retention took out of the trail and kept (--keep-tables) have columns of the domains.
do $$
declare
  domained record;
begin
  for domained in
    select a.attrelid::regclass as name, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
    where a.atttypid in ('audit_outcome'::regtype, 'audit_actor_kind'::regtype) and not a.attisdropped
      and c.relkind in ('r', 'p') and not c.relispartition
  loop
    execute format('alter table %s alter column %I type text', domained.name, domained.attname);
  end loop;
end $$;
alter table audit_events
  add constraint audit_events_outcome_check check (outcome in ('success', 'failure', 'refusal')),
  add constraint audit_events_actor_kind_check check (actor_kind in ('user', 'client', 'operator', 'system', 'anonymous'));
drop domain audit_actor_kind, audit_outcome;

-- The personal fields of events that were sealed by shares cannot be read any more.
drop trigger audit_keys_erased on audit_keys;
drop function drop_erased_secret();
drop index audit_keys_sealed_idx;
alter table audit_keys drop constraint audit_keys_erased_at_check;
delete from audit_keys where key_sealed is null and erased_at is null;
alter table audit_keys drop column secret;
alter table audit_keys add constraint audit_keys_erased_at_check check ((key_sealed is null) = (erased_at is not null));
