-- remember the steps that were spent
alter table "factors" add "spent_steps" bigint[] not null default '{}';
