-- judge a restore at one moment
create or replace function begin_audit_epoch(next integer) returns void
language plpgsql security definer set search_path from current as $$
declare
  present integer := 1;
  reached xid8 := '0';
  now_at xid8 := pg_snapshot_xmax(pg_current_snapshot());
  batch record;
begin
  select epoch, kind, to_transaction into batch from audit_batches order by number desc limit 1;
  if batch.kind = 'epoch_end' then
    present := batch.epoch + 1;
  elsif batch.kind = 'range' then
    present := batch.epoch;
    reached := batch.to_transaction;
  end if;
  if next is distinct from present + 1 or (reached <= now_at and not exists (
    select from audit_events where epoch = present and transaction_id >= now_at
  )) then
    raise exception 'The audit trail does not begin epoch %: only the sealer does, after a restore', coalesce(next::text, 'null')
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  perform set_config('lock_timeout', '5s', true);
  -- Waits for the writers in flight, so that no event of the new epoch precedes this.
  lock table audit_events in exclusive mode;
  execute format('create or replace function audit_epoch() returns integer language sql stable as ''select %s''', next);
end $$;
