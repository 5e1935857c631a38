import type { Sql } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';

const list = (source: Fragment) =>
  sql`coalesce((select jsonb_agg(to_jsonb(t) order by t) from (${source}) as t), '[]')`;

/**
 * What every table stores of a person, without the secrets: hashes, sealed columns, tokens. The link to a new address is
 * left out until that address is theirs: of a taken one nothing is sent, and the list would tell the one from the other.
 * `challenges` has both.
 */
export function selectEverything(database: Sql, userId: string): Promise<Record<string, unknown> | null> {
  const id = sql`${userId}::uuid`;
  return database.row(sql`
    select
      ${list(sql`select key as name, kind, reserved_until from identifiers where user_id = ${id}`)} as names,
      ${list(sql`select role_name as role, granted_at from user_roles where user_id = ${id}`)} as roles,
      (select to_jsonb(t) from (select changed_at, weak from passwords where user_id = ${id}) as t) as password,
      ${list(sql`select created_at from password_history where user_id = ${id}`)} as former_passwords,
      ${list(sql`
        select created_at, id, ip, user_agent, auth_time, amr, device_id, rotated_at as last_seen_at, expires_at,
          ended_at, end_reason
        from sessions where user_id = ${id}`)} as sessions,
      ${list(sql`select created_at, id, name, last_seen_at from known_devices where user_id = ${id}`)} as devices,
      ${list(sql`
        select created_at, id, kind, name, phone_number, confirmed_at, last_used_at from factors
        where user_id = ${id}`)} as factors,
      ${list(sql`select created_at, used_at from recovery_codes where user_id = ${id}`)} as recovery_codes,
      ${list(sql`
        select created_at, provider, issuer, subject, email, last_used_at from identities
        where user_id = ${id}`)} as identities,
      ${list(sql`
        select created_at, purpose, sent_to, attempts, expires_at, consumed_at from challenges
        where user_id = ${id}`)} as challenges,
      ${list(sql`
        select created_at, channel, template, recipient, params, sent_at, dead_at from outbox
        where user_id = ${id} and (template <> 'email-change-confirm'
          or recipient = (select email from users where id = ${id}))`)} as messages,
      ${list(sql`
        select window_started_at, failures, locks, locked_until, last_failure_at from lockouts
        where user_id = ${id}`)} as lockouts`);
}
