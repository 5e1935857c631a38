-- remember the steps before the last
alter table "factors" drop column "steps_before";
