-- find known devices by name
drop index "known_devices_user_id_name_idx";
create index "known_devices_user_id_idx" on "known_devices" ("user_id");
