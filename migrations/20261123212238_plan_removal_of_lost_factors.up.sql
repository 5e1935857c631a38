-- plan removal of lost factors
create table "factor_removals" ("user_id" uuid not null, "requested_at" timestamptz not null, "due_at" timestamptz not null, primary key ("user_id"));
create index "factor_removals_due_at_idx" on "factor_removals" ("due_at");

alter table "factor_removals" add constraint "factor_removals_user_id_fkey" foreign key ("user_id") references "users" ("id") on update no action on delete cascade;
