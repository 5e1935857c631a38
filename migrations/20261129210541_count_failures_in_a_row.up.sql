-- count failures in a row
alter table "lockouts" add "in_a_row" int not null default 0;
