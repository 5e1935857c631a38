-- version role definitions
drop trigger roles_version on roles;
drop trigger role_permissions_version on role_permissions;
drop function renew_role_version();
drop table role_versions;
