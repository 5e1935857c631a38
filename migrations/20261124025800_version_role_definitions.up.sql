-- version role definitions
create table role_versions (
  single boolean primary key default true,
  version uuid not null,
  constraint role_versions_single_check check (single)
);
insert into role_versions (version) values (gen_random_uuid());

-- With the owner's rights: nobody else writes a version. It is drawn and not counted, since a counter comes to the same
-- number twice when a restored backup or a standby that was behind goes on from an older one.
create function renew_role_version() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  update role_versions set version = gen_random_uuid();
  return null;
end $$;
create trigger roles_version after insert or update or delete or truncate on roles
  for each statement execute function renew_role_version();
create trigger role_permissions_version after insert or update or delete or truncate on role_permissions
  for each statement execute function renew_role_version();
