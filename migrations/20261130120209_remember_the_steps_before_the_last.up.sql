-- remember the steps before the last
alter table "factors" add "steps_before" int not null default 0;
-- Which of them were used is not known, so none of them is good again.
update factors set steps_before = 3 where last_step is not null;
