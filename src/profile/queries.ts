import type { Sql } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';

const list = (source: Fragment) =>
  sql`coalesce((select jsonb_agg(to_jsonb(t) order by t) from (${source}) as t), '[]')`;

// A time as all our answers write it (RFC 3339, UTC, milliseconds); to_jsonb alone would give it an offset.
const at = (column: Fragment, name = column) =>
  sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${name}`;
const createdAt = at(sql`created_at`);
const expiresAt = at(sql`expires_at`);
const lastUsedAt = at(sql`last_used_at`);
// For the present address, this is with the account.
const verifiedAt = at(
  sql`(case kind when 'email' then email_verified_at else verified_at end)`,
  sql`verified_at`,
);

/** What every table stores of a person, without the secrets - hashes, sealed columns, tokens - and without the long lists. */
export function selectEverything(database: Sql, userId: string): Promise<Record<string, unknown> | null> {
  const id = sql`${userId}::uuid`;
  return database.row(sql`
    select
      ${list(sql`
        select key as name, kind, ${at(sql`reserved_until`)}, ${verifiedAt}
        from identifiers join users on users.id = user_id where user_id = ${id}`)} as names,
      ${list(sql`select role_name as role, ${at(sql`granted_at`)} from user_roles where user_id = ${id}`)} as roles,
      (select to_jsonb(t) from (select ${at(sql`changed_at`)}, weak from passwords where user_id = ${id}) as t) as password,
      ${list(sql`select ${createdAt} from password_history where user_id = ${id}`)} as former_passwords,
      ${list(sql`
        select ${createdAt}, id, kind, name, phone_number, credential, ${at(sql`confirmed_at`)}, ${lastUsedAt} from factors
        where user_id = ${id}`)} as factors,
      (select to_jsonb(t) from (select ${at(sql`requested_at`)}, ${at(sql`due_at`)} from factor_removals
        where user_id = ${id}) as t) as factor_removal,
      ${list(sql`select ${createdAt}, ${at(sql`used_at`)} from recovery_codes where user_id = ${id}`)} as recovery_codes,
      ${list(sql`
        select ${createdAt}, provider, issuer, subject, email, ${lastUsedAt} from identities
        where user_id = ${id}`)} as identities,
      ${list(sql`
        select ${at(sql`window_started_at`)}, failures, in_a_row, locks, ${at(sql`locked_until`)},
          ${at(sql`last_failure_at`)}
        from lockouts where user_id = ${id} and (failures > 0 or locks > 0 or in_a_row > 0)`)} as lockouts`);
}

const longLists = {
  sessions: {
    table: sql`sessions`,
    told: sql`id, ip, user_agent, ${at(sql`auth_time`)}, amr, device_id, ${at(sql`rotated_at`, sql`last_seen_at`)},
      ${expiresAt}, ${at(sql`ended_at`)}, end_reason`,
    which: sql``,
  },
  devices: { table: sql`known_devices`, told: sql`id, name, ${at(sql`last_seen_at`)}`, which: sql`` },
  challenges: {
    table: sql`challenges`,
    told: sql`purpose, sent_to, attempts, ${expiresAt}, ${at(sql`consumed_at`)}`,
    which: sql``,
  },
  // The mail to a new address is left out until that address is theirs: none is sent to a taken address, so the list would
  // tell a free one from a taken one. `challenges` lists both.
  messages: {
    table: sql`outbox`,
    told: sql`channel, template, recipient, params, ${at(sql`sent_at`)}, ${at(sql`dead_at`)}`,
    which: sql`and (template <> 'email-change-confirm' or recipient = (select email from users u where u.id = user_id))`,
  },
} as const;

/** Lists of which an account has a hundred thousand items if a robot logs in to it for each of its requests. */
export type LongList = keyof typeof longLists;
export const LONG_LISTS = Object.keys(longLists) as LongList[];

/** The ids of everything in a list, the oldest first. */
export async function selectIds(database: Sql, list: LongList, userId: string): Promise<string[]> {
  const { table, which } = longLists[list];
  const rows = await database.rows<{ id: string }>(sql`
    select id from ${table} where user_id = ${userId}::uuid ${which} order by created_at, id`);
  return rows.map(({ id }) => id);
}

/** What is told of these items of a list, the oldest first. By id alone: with the owner too, PostgreSQL reads all the owner's. */
export async function selectTold(
  database: Sql,
  list: LongList,
  ids: readonly string[],
): Promise<readonly object[]> {
  const { table, told } = longLists[list];
  const rows = await database.rows<{ told: { params?: object } }>(sql`
    select to_jsonb(t) as told from (
      select ${createdAt}, ${told} from ${table} l where id = any(${ids}::uuid[]) order by l.created_at, l.id) as t`);
  return rows.map(({ told: { params, ...rest } }) =>
    params === undefined ? rest : { ...rest, params: inSnakeCase(params) },
  );
}

// Templates name what they are told in camelCase, all our JSON in snake_case.
function inSnakeCase(params: object): object {
  const nameOf = (key: string) => key.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [nameOf(key), value]));
}
