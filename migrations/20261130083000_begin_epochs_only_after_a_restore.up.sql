-- begin epochs only after a restore
-- Anybody who may use the schema may call this. In an epoch that the sealer has not come to, events would never be sealed. So the
-- epoch must be the next one, and the trail be ahead of this cluster's transactions, as src/audit/seal.ts finds it after a restore.
-- One statement looks at the trail and at the transactions: between two, an event or a batch could be written that seems to be
-- ahead. So does an event of the caller's own transaction, whose id is not yet among those that have ended.
create or replace function begin_audit_epoch(next integer) returns void
language plpgsql security definer set search_path from current as $$
declare
  present integer;
  restored boolean;
begin
  with now as (select pg_snapshot_xmax(pg_current_snapshot()) as at),
  last as (select epoch, kind, to_transaction from audit_batches order by number desc limit 1),
  place as (
    select
      coalesce((select case kind when 'epoch_end' then epoch + 1 else epoch end from last), 1) as epoch,
      coalesce((select to_transaction from last where kind = 'range'), '0') as reached)
  select place.epoch, place.reached > now.at or exists (
    select from audit_events e
    where e.epoch = place.epoch and e.transaction_id >= now.at
      and e.transaction_id is distinct from pg_current_xact_id_if_assigned())
  into present, restored from now, place;
  if next is distinct from present + 1 or not restored then
    raise exception 'The audit trail does not begin epoch %: only the sealer does, after a restore', coalesce(next::text, 'null')
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  perform set_config('lock_timeout', '5s', true);
  -- Waits for the writers in flight, so that no event of the new epoch precedes this.
  lock table audit_events in exclusive mode;
  execute format('create or replace function audit_epoch() returns integer language sql stable as ''select %s''', next);
end $$;
