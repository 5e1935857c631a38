-- keep what was known of a former address
alter table "identifiers" add "verified_at" timestamptz null;
