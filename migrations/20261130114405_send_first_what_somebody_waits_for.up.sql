-- send first what somebody waits for
drop index "outbox_due_idx";
alter table "outbox" add "awaited" boolean not null default false;
create index "outbox_due_idx" on "outbox" ("channel", "awaited", "next_attempt_at") where coalesce(sent_at, dead_at) is null;
