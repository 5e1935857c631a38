-- remember the steps that were spent
alter table "factors" drop column "spent_steps";
