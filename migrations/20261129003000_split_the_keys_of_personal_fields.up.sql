-- split the keys of personal fields
-- The key of an event's personal fields is in two shares: one stands in the event, the other follows from the secret of
-- the person whom it concerns. The statement that writes the event makes the shares, so nobody reads a key before it.
-- key_sealed stays where events are that were sealed under it; the nil UUID's is the key of the trail.
alter table audit_keys drop constraint audit_keys_erased_at_check;
alter table audit_keys add secret bytea;
alter table audit_keys add constraint audit_keys_erased_at_check
  check ((secret is null and key_sealed is null) = (erased_at is not null));

-- A start looks at a few values that are sealed under the root secret, and now they are few among many rows.
create index audit_keys_sealed_idx on audit_keys (user_id) where key_sealed is not null;

-- A process of the revision before, which may still run, erases by key_sealed alone.
create function drop_erased_secret() returns trigger language plpgsql as $$
begin
  new.secret := null;
  return new;
end $$;
create trigger audit_keys_erased before update of erased_at on audit_keys
  for each row when (new.erased_at is not null) execute function drop_erased_secret();

-- A CHECK of a table is parsed anew by every statement that inserts; that of a domain once a connection. Its constraint
-- comes after the column: to a domain that has one already, PostgreSQL rewrites the whole trail.
create domain audit_outcome as text;
create domain audit_actor_kind as text;
alter table audit_events drop constraint audit_events_outcome_check, drop constraint audit_events_actor_kind_check,
  alter column outcome type audit_outcome, alter column actor_kind type audit_actor_kind;
alter domain audit_outcome add constraint audit_outcome_check check (value in ('success', 'failure', 'refusal'));
alter domain audit_actor_kind add constraint audit_actor_kind_check
  check (value in ('user', 'client', 'operator', 'system', 'anonymous'));
