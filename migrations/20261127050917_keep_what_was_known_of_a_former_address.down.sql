-- keep what was known of a former address
alter table "identifiers" drop column "verified_at";
