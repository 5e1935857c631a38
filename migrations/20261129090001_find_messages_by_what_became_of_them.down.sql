-- find messages by what became of them
drop index "sms_budgets_window_started_at_idx";
drop index "outbox_secrets_idx";
drop index "outbox_unsent_idx";
drop index "outbox_sent_idx";
drop index "outbox_due_idx";
create index "outbox_due_idx" on "outbox" ("next_attempt_at") where sent_at is null and dead_at is null;
create index "outbox_created_at_idx" on "outbox" ("created_at");
