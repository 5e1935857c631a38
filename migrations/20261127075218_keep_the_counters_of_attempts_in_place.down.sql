-- keep the counters of attempts in place
drop index "lockouts_kept_until_idx";
alter table "lockouts" drop column "kept_until";
create index "lockouts_last_failure_at_idx" on "lockouts" ("last_failure_at");
