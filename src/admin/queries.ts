import { type Account, accountColumns } from '../accounts/account.ts';
import { foldCase } from '../accounts/normalize.ts';
import type { Sql } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { rolesOf } from '../rbac/effective.ts';

export interface ListedUser extends Account {
  readonly roles: string[];
}

export interface UserFilter {
  /** How an address, a username or a name begins, in any case. */
  readonly prefix: string | null;
  readonly role: string | null;
  readonly disabled: boolean | null;
}

const roles = rolesOf(sql`u.id`);

/** One account with its roles, or null. */
export function selectUser(database: Sql, id: string): Promise<ListedUser | null> {
  return database.row(sql`select ${accountColumns}, ${roles} as roles from users u where u.id = ${id}::uuid`);
}

// A range under text_pattern_ops rather than LIKE: an index serves it with any parameter. U+10FFFF sorts last.
const LAST = '\u{10FFFF}';

function keyBegins(prefix: string): Fragment {
  const key = foldCase(prefix.normalize('NFKC'));
  return sql`i.key ~>=~ ${key}::text and i.key ~<~ ${key + LAST}::text`;
}

// Uses the database's lower(), as the index on the names does: `foldCase` would make ss of ß, and ς of a σ at the text's end.
const nameBegins = (name: Fragment, prefix: string) =>
  sql`lower(${name}) ~>=~ lower(${prefix}::text) and lower(${name}) ~<~ lower(${prefix + LAST}::text)`;

// When at least this many accounts match, this many of the newest are searched first: as a rule they fill a page.
const MANY = 5000;

const matches = (prefix: string) => [
  sql`select i.user_id as id from identifiers i where ${keyBegins(prefix)} and i.kind <> 'reserved'`,
  sql`select n.id from users n where ${nameBegins(sql`n.full_name`, prefix)}`,
  sql`select n.id from users n where ${nameBegins(sql`n.last_name`, prefix)}`,
];

/** A condition on `u`: by ids from an index, or row by row. */
interface Condition {
  readonly few: boolean;
  readonly byIds: Fragment;
  readonly byRow: Fragment;
}

// An array rather than `in`: PostgreSQL may expect too many rows of `in`, and read all accounts for a few.
const among = (few: Fragment) => sql`and u.id = any(array(${few}))`;

async function holding(database: Sql, role: string): Promise<Condition> {
  const holders = sql`select ur.user_id from user_roles ur where ur.role_name = ${role}::text`;
  const counted = await database.row<{ n: number }>(
    sql`select count(*) as n from (${holders} limit ${MANY}::int) as h`,
  );
  return {
    few: (counted?.n ?? 0) < MANY,
    byIds: among(holders),
    byRow: sql`and exists (select from user_roles ur where ur.user_id = u.id and ur.role_name = ${role}::text offset 0)`,
  };
}

async function namedBy(database: Sql, prefix: string): Promise<Condition> {
  const [byKey, byFullName, byLastName] = matches(prefix);
  const counted = await database.row<{ n: number }>(sql`
    select count(*) as n from (
      (${byKey} limit ${MANY}::int) union all (${byFullName} limit ${MANY}::int)
      union all (${byLastName} limit ${MANY}::int)) as m`);
  return {
    few: (counted?.n ?? 0) < MANY,
    byIds: among(sql`${byKey} union ${byFullName} union ${byLastName}`),
    byRow: sql`and (${nameBegins(sql`u.full_name`, prefix)} or ${nameBegins(sql`u.last_name`, prefix)}
      or exists (select from identifiers i where i.user_id = u.id and ${keyBegins(prefix)} and i.kind <> 'reserved'
        offset 0))`,
  };
}

/** Accounts that match, the newest first. */
export async function selectUsers(
  database: Sql,
  {
    filter: { prefix, role, disabled },
    after,
    limit,
  }: { filter: UserFilter; after: readonly string[] | null; limit: number },
): Promise<ListedUser[]> {
  const conditions = [
    ...(prefix === null ? [] : [await namedBy(database, prefix)]),
    ...(role === null ? [] : [await holding(database, role)]),
  ];
  const newest = (most: number) => sql`
      ${disabled === null ? sql`` : disabled ? sql`and u.disabled_at is not null` : sql`and u.disabled_at is null`}
      ${after === null ? sql`` : sql`and (u.created_at, u.id) < (${after[0]}::timestamptz, ${after[1]}::uuid)`}
    order by u.created_at desc, u.id desc
    limit ${most}::int`;
  const find = (users: Fragment, byIds: readonly Condition[]) => {
    const where = conditions.map(condition =>
      byIds.includes(condition) ? condition.byIds : condition.byRow,
    );
    return database.rows<ListedUser>(sql`
    select ${accountColumns}, ${roles} as roles
    from ${users} u
    where true ${where.reduce((all, next) => sql`${all} ${next}`, sql``)} ${newest(limit)}`);
  };
  const few = conditions.filter(condition => condition.few);
  if (conditions.length === 0 || few.length > 0) return find(sql`users`, few);
  const found = await find(sql`(select * from users u where true ${newest(MANY)})`, []);
  // Holders of an old role, or people of one name who were imported long ago, may all be older than these.
  return found.length === limit ? found : find(sql`users`, conditions.slice(0, 1));
}

export interface ExportedUser {
  readonly id: string;
  readonly hashed_password: string | null;
  readonly [column: string]: unknown;
}

/** A page of whole accounts by id, under the names that an import reads. */
export function selectExported(
  database: Sql,
  { after, limit }: { after: string | null; limit: number },
): Promise<ExportedUser[]> {
  // The first page has no lower bound: an account may have the lowest of all ids.
  const further = after === null ? sql`` : sql`where u.id > ${after}::uuid`;
  return database.rows(sql`
    select u.id, u.username, u.email, u.full_name, u.first_name, u.last_name, u.phone_number,
      p.hash as hashed_password, u.disabled_at is not null as disabled, ${roles} as roles, u.created_at,
      u.last_login_at as last_login, u.email_verified_at is not null as email_verified
    from users u left join passwords p on p.user_id = u.id
    ${further} order by u.id limit ${limit}::int`);
}
