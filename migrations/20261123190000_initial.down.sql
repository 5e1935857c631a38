drop function ensure_audit_partition(date);
drop table audit_signing_keys, audit_prunings, audit_batches, audit_events, audit_keys, sms_budgets, outbox, known_devices, lockouts, challenges, identities,
  recovery_codes, factors, password_history, passwords, service_secrets, signing_keys, revoked_tokens, sessions,
  client_permissions, clients, user_roles, role_permissions, roles, permissions, identifiers, users;
drop function begin_audit_epoch(integer);
-- Months that retention took out of the trail and kept (--keep-tables) stay, without a trigger and a default that call these.
drop function refuse_change(), audit_epoch() cascade;
