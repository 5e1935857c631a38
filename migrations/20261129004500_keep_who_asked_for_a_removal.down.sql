-- keep who asked for a removal
alter table "factor_removals" drop constraint "factor_removals_requester_kind_check";
alter table "factor_removals" drop column "requester_kind", drop column "requester_id";
