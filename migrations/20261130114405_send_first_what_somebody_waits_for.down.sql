-- send first what somebody waits for
drop index "outbox_due_idx";
alter table "outbox" drop column "awaited";
create index "outbox_due_idx" on "outbox" ("channel", "next_attempt_at") where sent_at is null and dead_at is null;
