-- keep who asked for a removal
alter table "factor_removals" add "requester_kind" text null, add "requester_id" uuid null;
alter table "factor_removals" add constraint "factor_removals_requester_kind_check"
  check ("requester_kind" in ('user', 'client', 'operator'));

-- Who asked for those that wait stands in the trail. Where it does not, nobody answers for them, and they are cancelled.
update "factor_removals" r set "requester_kind" = e."actor_kind", "requester_id" = e."actor_id"
from (
  select distinct on (e."user_id") e."user_id", e."actor_kind", e."actor_id"
  from "factor_removals" w join "audit_events" e on e."user_id" = w."user_id"
  where e."type" = 'mfa.removal_requested' and e."outcome" = 'success'
    and e."created_at" >= w."requested_at" - interval '1 minute'
  order by e."user_id", e."created_at" desc) e
where e."user_id" = r."user_id";
