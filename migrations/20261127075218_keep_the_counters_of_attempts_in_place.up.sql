-- keep the counters of attempts in place
drop index "lockouts_last_failure_at_idx";
alter table "lockouts" add "kept_until" date not null default (CURRENT_DATE + 3);
create index "lockouts_kept_until_idx" on "lockouts" ("kept_until");
-- A lock that lasts longer than that.
update "lockouts" set "kept_until" = "locked_until"::date + 2 where "locked_until" > now() + interval '1 day';
