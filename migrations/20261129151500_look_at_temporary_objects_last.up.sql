-- look at temporary objects last
-- These run with their owner's rights. A path that does not name pg_temp has it first: whoever may call them could put a view
-- or a table of their own in the place of ours, and have it run as the owner.
alter function ensure_audit_partition(date) set search_path from current;
alter function begin_audit_epoch(integer) set search_path from current;
alter function renew_role_version() set search_path from current;
