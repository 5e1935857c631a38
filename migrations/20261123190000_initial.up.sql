-- Accounts -------------------------------------------------------------------------------------------------
create table users (
  id uuid primary key,
  email text not null,
  username text not null,
  first_name text not null,
  last_name text not null,
  full_name text not null,
  phone_number text,
  disabled_at timestamptz,
  email_verified_at timestamptz,
  pending_email text,
  mfa_enabled boolean not null default false,
  last_login_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 85);
create index users_created_at_id_idx on users (created_at, id);
-- What an administrator lists and searches by: the beginning of a name, and who may not log in.
create index users_disabled_idx on users (created_at, id) where disabled_at is not null;
create index users_full_name_prefix_idx on users (lower(full_name) text_pattern_ops);
create index users_last_name_prefix_idx on users (lower(last_name) text_pattern_ops);

-- One namespace for addresses, usernames and addresses kept for their former owner: its primary key decides.
create table identifiers (
  key text primary key,
  user_id uuid not null references users (id) on delete cascade,
  kind text not null check (kind in ('email', 'username', 'reserved')),
  reserved_until timestamptz,
  constraint identifiers_reserved_until_check check ((kind = 'reserved') = (reserved_until is not null))
);
create index identifiers_user_id_idx on identifiers (user_id);
create index identifiers_key_prefix_idx on identifiers (key text_pattern_ops);
create unique index identifiers_one_email_idx on identifiers (user_id) where kind = 'email';
create unique index identifiers_one_username_idx on identifiers (user_id) where kind = 'username';

-- Authorization --------------------------------------------------------------------------------------------
create table permissions (
  name text primary key,
  description text not null,
  built_in boolean not null default false,
  created_at timestamptz not null
);
create table roles (
  name text primary key,
  description text not null,
  built_in boolean not null default false,
  mfa_required boolean not null default false,
  created_at timestamptz not null
);
create table role_permissions (
  role_name text not null references roles (name) on update cascade on delete cascade,
  permission_name text not null references permissions (name) on delete cascade,
  primary key (role_name, permission_name)
);
create index role_permissions_permission_name_idx on role_permissions (permission_name);
create table user_roles (
  user_id uuid not null references users (id) on delete cascade,
  role_name text not null references roles (name) on update cascade on delete cascade,
  granted_at timestamptz not null,
  primary key (user_id, role_name)
);
create index user_roles_role_name_idx on user_roles (role_name);

create table clients (
  id uuid primary key,
  name text not null unique,
  secret_hash bytea not null,
  previous_secret_hash bytea,
  previous_secret_expires_at timestamptz,
  created_at timestamptz not null,
  last_used_at timestamptz
);
create table client_permissions (
  client_id uuid not null references clients (id) on delete cascade,
  permission_name text not null references permissions (name) on delete cascade,
  primary key (client_id, permission_name)
);
create index client_permissions_permission_name_idx on client_permissions (permission_name);

-- Sessions -------------------------------------------------------------------------------------------------
-- No index on a column that a refresh writes, so that a rotation stays a heap-only update.
create table sessions (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  generation integer not null default 0,
  seed_hash bytea not null,
  seed_sealed bytea not null,
  rotated_at timestamptz not null,
  idle_expires_at timestamptz not null,
  expires_at timestamptz not null,
  auth_time timestamptz not null,
  amr text[] not null,
  device_id uuid,
  ip text,
  user_agent text,
  created_at timestamptz not null,
  ended_at timestamptz,
  end_reason text
) with (fillfactor = 70);
create index sessions_user_id_idx on sessions (user_id);
create index sessions_expires_at_idx on sessions (expires_at);

create table revoked_tokens (
  jti uuid primary key,
  expires_at timestamptz not null
);
create index revoked_tokens_expires_at_idx on revoked_tokens (expires_at);

create table signing_keys (
  kid text primary key,
  algorithm text not null,
  public_jwk jsonb not null,
  private_key_sealed bytea not null,
  created_at timestamptz not null,
  signs_from timestamptz not null,
  signs_until timestamptz,
  verifies_until timestamptz
);

create table service_secrets (
  name text primary key,
  value bytea not null,
  created_at timestamptz not null
);

-- Passwords and factors ------------------------------------------------------------------------------------
create table passwords (
  user_id uuid primary key references users (id) on delete cascade,
  hash text not null,
  changed_at timestamptz not null,
  weak boolean not null default false
);
create table password_history (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  hash text not null,
  created_at timestamptz not null
);
create index password_history_user_id_created_at_idx on password_history (user_id, created_at);

create table factors (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  kind text not null check (kind in ('totp', 'sms', 'passkey')),
  name text not null default '',
  secret_sealed bytea,
  phone_number text,
  credential jsonb,
  last_step bigint,
  created_at timestamptz not null,
  confirmed_at timestamptz,
  last_used_at timestamptz
);
create index factors_user_id_idx on factors (user_id);
create unique index factors_one_confirmed_idx on factors (user_id, kind) where confirmed_at is not null and kind <> 'passkey';
create unique index factors_credential_id_idx on factors ((credential ->> 'id')) where kind = 'passkey';

create table recovery_codes (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  code_hash bytea not null,
  created_at timestamptz not null,
  used_at timestamptz
);
create unique index recovery_codes_user_id_code_hash_idx on recovery_codes (user_id, code_hash);

create table identities (
  issuer text not null,
  subject text not null,
  user_id uuid not null references users (id) on delete cascade,
  provider text not null,
  email text,
  created_at timestamptz not null,
  last_used_at timestamptz,
  primary key (issuer, subject)
);
create index identities_user_id_idx on identities (user_id);

-- One-time secrets -----------------------------------------------------------------------------------------
create table challenges (
  id uuid primary key,
  purpose text not null,
  user_id uuid references users (id) on delete cascade,
  secret_hash bytea not null,
  sent_to text,
  data jsonb not null default '{}',
  attempts integer not null default 0,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  consumed_at timestamptz
);
create unique index challenges_purpose_secret_hash_idx on challenges (purpose, secret_hash);
create index challenges_user_id_purpose_idx on challenges (user_id, purpose);
create index challenges_expires_at_idx on challenges (expires_at);

-- Throttle -------------------------------------------------------------------------------------------------
-- subject: a hash of the account's id, or of the name typed where no account has it, plus the lane.
create table lockouts (
  subject bytea primary key,
  user_id uuid references users (id) on delete cascade,
  failures integer not null,
  window_started_at timestamptz not null,
  locks integer not null default 0,
  locked_until timestamptz,
  last_failure_at timestamptz not null,
  notified_at timestamptz
) with (fillfactor = 80);
create index lockouts_user_id_idx on lockouts (user_id);
create index lockouts_last_failure_at_idx on lockouts (last_failure_at);

create table known_devices (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  name text not null,
  created_at timestamptz not null,
  last_seen_at timestamptz not null
);
create index known_devices_user_id_idx on known_devices (user_id);

-- Delivery -------------------------------------------------------------------------------------------------
create table outbox (
  id uuid primary key,
  channel text not null check (channel in ('mail', 'sms')),
  template text not null,
  recipient text not null,
  user_id uuid references users (id) on delete cascade,
  params jsonb not null default '{}',
  secrets_sealed bytea,
  expires_at timestamptz,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  claimed_until timestamptz,
  created_at timestamptz not null,
  sent_at timestamptz,
  dead_at timestamptz,
  last_error text
);
create index outbox_due_idx on outbox (next_attempt_at) where sent_at is null and dead_at is null;
create index outbox_created_at_idx on outbox (created_at);
create index outbox_user_id_idx on outbox (user_id);

-- key: an HMAC of the number, of its block, or of the whole service, so that no phone numbers lie here.
create table sms_budgets (
  key bytea primary key,
  window_started_at timestamptz not null,
  sent integer not null
);

-- Audit ----------------------------------------------------------------------------------------------------
-- An erased person keeps a row without a key, so that nothing makes a new one. The nil UUID is nobody's: events about
-- names that no account has.
create table audit_keys (
  user_id uuid primary key,
  key_sealed bytea,
  created_at timestamptz not null,
  erased_at timestamptz,
  constraint audit_keys_erased_at_check check ((key_sealed is null) = (erased_at is not null))
);

-- Raised when the database was restored into a cluster whose transaction ids are lower (docs/audit.md).
create function audit_epoch() returns integer language sql stable as 'select 1';

create table audit_events (
  id uuid not null,
  created_at timestamptz not null,
  epoch integer not null default audit_epoch(),
  transaction_id xid8 not null default pg_current_xact_id(),
  type text not null,
  outcome text not null check (outcome in ('success', 'failure', 'refusal')),
  reason text,
  actor_kind text not null check (actor_kind in ('user', 'client', 'operator', 'system', 'anonymous')),
  actor_id uuid,
  user_id uuid,
  session_id uuid,
  request_id text,
  data jsonb not null default '{}',
  personal_sealed bytea,
  primary key (created_at, id)
) partition by range (created_at);
create index audit_events_user_id_created_at_idx on audit_events (user_id, created_at desc);
create index audit_events_type_created_at_idx on audit_events (type, created_at desc);
create index audit_events_transaction_id_idx on audit_events (transaction_id);
create table audit_events_default partition of audit_events default;

create table audit_signing_keys (
  name text primary key,
  private_key_sealed bytea not null,
  created_at timestamptz not null
);

create table audit_batches (
  number bigint primary key,
  epoch integer not null,
  kind text not null check (kind in ('range', 'epoch_end')),
  from_transaction xid8 not null,
  to_transaction xid8 not null,
  event_count integer not null,
  newest_event_at timestamptz not null,
  entries bytea not null,
  previous_hash bytea not null,
  hash bytea not null,
  signature bytea not null,
  created_at timestamptz not null
);

create table audit_prunings (
  events_before timestamptz primary key,
  through_batch bigint not null,
  through_hash bytea not null,
  signature bytea not null,
  created_at timestamptz not null
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'table % is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger audit_events_append_only before update or delete on audit_events
  for each row execute function refuse_change();
create trigger audit_events_no_truncate before truncate on audit_events
  for each statement execute function refuse_change();
create trigger audit_events_default_no_truncate before truncate on audit_events_default
  for each statement execute function refuse_change();
create trigger audit_batches_append_only before update or delete on audit_batches
  for each row execute function refuse_change();
create trigger audit_batches_no_truncate before truncate on audit_batches
  for each statement execute function refuse_change();
create trigger audit_prunings_append_only before update or delete on audit_prunings
  for each row execute function refuse_change();
create trigger audit_prunings_no_truncate before truncate on audit_prunings
  for each statement execute function refuse_change();

-- Makes the partition of one month (UTC), with the owner's rights, since the service may run as a lesser role. False
-- when it exists, when the default partition holds rows of that month already, or when the lock is not free: rows then
-- go to the default partition, and nothing is lost.
create function ensure_audit_partition(month date) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  starts timestamptz := date_trunc('month', month::timestamp) at time zone 'UTC';
  ends timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') at time zone 'UTC';
  partition_name text := 'audit_events_' || to_char(month, 'YYYYMM');
begin
  if to_regclass(partition_name) is not null
    or exists (select from audit_events_default where created_at >= starts and created_at < ends) then
    return false;
  end if;
  perform set_config('lock_timeout', '2s', true);
  execute format('create table %I (like audit_events including all)', partition_name);
  execute format('create trigger %I before truncate on %I for each statement execute function refuse_change()',
    partition_name || '_no_truncate', partition_name);
  execute format('alter table audit_events attach partition %I for values from (%L) to (%L)',
    partition_name, starts, ends);
  return true;
exception when lock_not_available or duplicate_table or check_violation then
  return false;
end $$;

-- Waits for the writers in flight, so that no event of the new epoch precedes this.
create function begin_audit_epoch(next integer) returns void
language plpgsql security definer set search_path from current as $$
begin
  perform set_config('lock_timeout', '5s', true);
  lock table audit_events in exclusive mode;
  execute format('create or replace function audit_epoch() returns integer language sql stable as ''select %s''', next);
end $$;

select ensure_audit_partition((date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead))::date)
from generate_series(0, 2) as ahead;

-- Built-in roles and permissions ---------------------------------------------------------------------------
insert into permissions (name, description, built_in, created_at)
select name, description, true, now() from (values
  ('users:read', 'See accounts'),
  ('users:write', 'Create, change, disable, unlock and remove accounts'),
  ('roles:read', 'See roles and permissions'),
  ('roles:write', 'Change roles and permissions, and grant roles'),
  ('clients:read', 'See service clients'),
  ('clients:write', 'Create and remove service clients and rotate their secrets'),
  ('audit:read', 'Read the audit trail'),
  ('sessions:revoke', 'End the sessions and revoke the tokens of others'),
  ('tokens:introspect', 'Ask whether a token is active'),
  ('keys:rotate', 'Rotate the signing keys')
) as built_in (name, description);
insert into roles (name, description, built_in, created_at) values
  ('admin', 'Everything', true, now()),
  ('user', 'Given at sign-up', true, now());
insert into role_permissions (role_name, permission_name) select 'admin', name from permissions;
