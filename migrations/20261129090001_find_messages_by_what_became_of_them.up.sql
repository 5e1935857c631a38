-- find messages by what became of them
drop index "outbox_created_at_idx";
drop index "outbox_due_idx";
create index "outbox_due_idx" on "outbox" ("channel", "next_attempt_at") where sent_at is null and dead_at is null;
create index "outbox_sent_idx" on "outbox" ("created_at") where sent_at is not null;
create index "outbox_unsent_idx" on "outbox" ("created_at") where sent_at is null;
create index "outbox_secrets_idx" on "outbox" ("expires_at") where secrets_sealed is not null;
create index "sms_budgets_window_started_at_idx" on "sms_budgets" ("window_started_at");
