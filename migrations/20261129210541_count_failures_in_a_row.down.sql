-- count failures in a row
alter table "lockouts" drop column "in_a_row";
