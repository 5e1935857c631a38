-- split the keys of personal fields
alter table audit_events alter column outcome type text, alter column actor_kind type text,
  add constraint audit_events_outcome_check check (outcome in ('success', 'failure', 'refusal')),
  add constraint audit_events_actor_kind_check check (actor_kind in ('user', 'client', 'operator', 'system', 'anonymous'));
drop domain audit_actor_kind, audit_outcome;

-- The personal fields of events that were sealed by shares cannot be read any more.
alter table audit_keys drop constraint audit_keys_erased_at_check;
delete from audit_keys where key_sealed is null and erased_at is null;
alter table audit_keys drop column secret;
alter table audit_keys add constraint audit_keys_erased_at_check check ((key_sealed is null) = (erased_at is not null));
