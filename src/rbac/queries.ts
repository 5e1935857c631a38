import type { Sql, Tx } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import type { PermissionBody } from './permission.ts';
import type { RoleBody } from './role.ts';

/**
 * Stops every grant from changing until the transaction ends: the lock on the row of `admin` stands for all of them. Call it
 * before locking any account.
 */
export function lockGrants(tx: Tx, mode: 'change' | 'act'): Promise<number> {
  return mode === 'change'
    ? tx.run(sql`select from roles where name = 'admin' for no key update`)
    : tx.run(sql`select from roles where name = 'admin' for share`);
}

const names = async (rows: Promise<{ name: string }[]>) => (await rows).map(({ name }) => name);

/** Everything that the roles of a user contain, whether or not a second factor was given. */
export function readUserPermissions(database: Sql, userId: string): Promise<string[]> {
  return names(
    database.rows(sql`
      select distinct rp.permission_name as name
      from user_roles ur join role_permissions rp on rp.role_name = ur.role_name
      where ur.user_id = ${userId}::uuid order by 1`),
  );
}

/** A condition: whether a session has been proven with a second factor by now. */
export const provenIn = (sessionId: string | null): Fragment =>
  sql`exists (select from sessions s where s.id = ${sessionId}::uuid and 'mfa' = any(s.amr))`;

/** What the roles of a user permit this session now; without a session, as if a second factor had been given. */
export function readPresentPermissions(
  tx: Tx,
  { userId, sessionId }: { userId: string; sessionId: string | null },
): Promise<string[]> {
  return names(
    tx.rows(sql`
      select distinct rp.permission_name as name
      from user_roles ur join roles r on r.name = ur.role_name join role_permissions rp on rp.role_name = ur.role_name
      where ur.user_id = ${userId}::uuid
        and (not r.mfa_required or ${sessionId}::uuid is null or ${provenIn(sessionId)})
      order by 1`),
  );
}

/** Whether a user is enabled, the session, where there is one, has not ended, and the token is not revoked. */
export async function mayStillAct(
  tx: Tx,
  { userId, sessionId, jti }: { userId: string; sessionId: string | null; jti?: string },
): Promise<boolean> {
  const row = await tx.row(sql`
    select from users u where u.id = ${userId}::uuid and u.disabled_at is null
      and (${sessionId}::uuid is null
        or exists (select from sessions s where s.id = ${sessionId}::uuid and s.user_id = u.id and s.ended_at is null))
      and ${isUnrevoked(jti)}`);
  return row !== null;
}

/** Whether a service client is still there, and the token is not revoked. */
export async function clientMayStillAct(
  tx: Tx,
  { clientId, jti }: { clientId: string; jti?: string },
): Promise<boolean> {
  const row = await tx.row(sql`select from clients where id = ${clientId}::uuid and ${isUnrevoked(jti)}`);
  return row !== null;
}

const isUnrevoked = (jti: string | undefined) =>
  sql`not exists (select from revoked_tokens where jti = ${jti ?? null}::uuid)`;

/** What a service client holds. */
export function readClientPermissions(database: Sql, clientId: string): Promise<string[]> {
  return names(
    database.rows(sql`
      select permission_name as name from client_permissions where client_id = ${clientId}::uuid order by 1`),
  );
}

/** Everything that these roles contain. */
export function readRolePermissions(database: Sql, roles: readonly string[]): Promise<string[]> {
  return names(
    database.rows(sql`
      select distinct permission_name as name from role_permissions where role_name = any(${[...roles]}::text[]) order by 1`),
  );
}

/** The names of a user's roles. */
export function rolesOfUser(database: Sql, userId: string): Promise<string[]> {
  return names(
    database.rows(sql`select role_name as name from user_roles where user_id = ${userId}::uuid order by 1`),
  );
}

/** Which of these roles exist. */
export function knownRoles(database: Sql, roles: readonly string[]): Promise<string[]> {
  return names(database.rows(sql`select name from roles where name = any(${[...roles]}::text[]) order by 1`));
}

/** Which of these permissions exist. */
export function knownPermissions(database: Sql, permissions: readonly string[]): Promise<string[]> {
  return names(
    database.rows(sql`select name from permissions where name = any(${[...permissions]}::text[]) order by 1`),
  );
}

/**
 * Whether an administrator other than this user can log in: is enabled, and has a way in. Somebody whom an administrator
 * created, and who has not followed the mail yet, has none.
 */
export async function otherAdministrator(tx: Tx, userId: string): Promise<boolean> {
  const found = await tx.row(sql`
    select from user_roles ur join users u on u.id = ur.user_id
    where ur.role_name = 'admin' and ur.user_id <> ${userId}::uuid and u.disabled_at is null
      and (exists (select from passwords where user_id = u.id)
        or exists (select from identities where user_id = u.id)
        or exists (select from factors where user_id = u.id and kind = 'passkey' and confirmed_at is not null))
    limit 1`);
  return found !== null;
}

/** Whether there is any administrator, able to log in or not. */
export async function hasAdministrator(database: Sql): Promise<boolean> {
  return (await database.row(sql`select from user_roles where role_name = 'admin' limit 1`)) !== null;
}

/** Whether the user would have a permission, had the session been proven with a second factor. */
export async function awaitsFactor(database: Sql, userId: string, permission: string): Promise<boolean> {
  const row = await database.row(sql`
    select from user_roles ur join roles r on r.name = ur.role_name
      join role_permissions rp on rp.role_name = r.name
    where ur.user_id = ${userId}::uuid and r.mfa_required and rp.permission_name = ${permission}::text limit 1`);
  return row !== null;
}

const roleColumns: Fragment = sql`r.name, r.description,
  array(select rp.permission_name from role_permissions rp where rp.role_name = r.name order by 1) as permissions,
  r.mfa_required, r.built_in`;

/** One role with its permissions, or null. */
export function selectRole(database: Sql, name: string): Promise<RoleBody | null> {
  return database.row(sql`select ${roleColumns} from roles r where r.name = ${name}::text`);
}

/** The roles whose names follow `after`, by name. */
export function selectRoles(
  database: Sql,
  { after, limit }: { after: string; limit: number },
): Promise<RoleBody[]> {
  return database.rows(sql`
    select ${roleColumns} from roles r where r.name > ${after}::text order by r.name limit ${limit}::int`);
}

/** Writes a role; false when one of this name exists. */
export async function insertRole(
  tx: Tx,
  role: { name: string; description: string; mfaRequired: boolean; now: Date },
): Promise<boolean> {
  const written = await tx.run(sql`
    insert into roles (name, description, mfa_required, created_at)
    values (${role.name}::text, ${role.description}::text, ${role.mfaRequired}::bool, ${role.now}::timestamptz)
    on conflict (name) do nothing`);
  return written === 1;
}

/** Replaces what a role says of itself, but not its permissions. */
export function writeRole(
  tx: Tx,
  role: { name: string; description: string; mfaRequired: boolean },
): Promise<number> {
  return tx.run(sql`
    update roles set description = ${role.description}::text, mfa_required = ${role.mfaRequired}::bool
    where name = ${role.name}::text`);
}

/** Makes the permissions of a role exactly these. */
export function replacePermissions(tx: Tx, role: string, permissions: readonly string[]): Promise<number> {
  return tx.run(sql`
    with gone as (
      delete from role_permissions
      where role_name = ${role}::text and permission_name <> all(${[...permissions]}::text[]))
    insert into role_permissions (role_name, permission_name)
    select ${role}::text, permission from unnest(${[...permissions]}::text[]) as permission on conflict do nothing`);
}

/** Deletes a role that is not built in, and so takes it from everybody who has it; returns how many had it. */
export async function deleteRoleRow(tx: Tx, name: string): Promise<number> {
  const row = await tx.row<{ holders: number }>(sql`
    with gone as (delete from roles where name = ${name}::text and not built_in)
    select count(*) as holders from user_roles where role_name = ${name}::text`);
  return row?.holders ?? 0;
}

/** Makes the roles of a user exactly these. */
export function replaceUserRoles(
  tx: Tx,
  { userId, roles, now }: { userId: string; roles: readonly string[]; now: Date },
): Promise<number> {
  return tx.run(sql`
    with gone as (
      delete from user_roles where user_id = ${userId}::uuid and role_name <> all(${[...roles]}::text[]))
    insert into user_roles (user_id, role_name, granted_at)
    select ${userId}::uuid, role, ${now}::timestamptz from unnest(${[...roles]}::text[]) as role on conflict do nothing`);
}

/** One permission, or null. */
export function selectPermission(database: Sql, name: string): Promise<PermissionBody | null> {
  return database.row(sql`select name, description, built_in from permissions where name = ${name}::text`);
}

/** The permissions whose names follow `after`, by name. */
export function selectPermissions(
  database: Sql,
  { after, limit }: { after: string; limit: number },
): Promise<PermissionBody[]> {
  return database.rows(sql`
    select name, description, built_in from permissions where name > ${after}::text order by name limit ${limit}::int`);
}

/** How long the names of all permissions are as a list in JSON, in characters. */
export async function lengthOfPermissions(database: Sql): Promise<number> {
  const row = await database.row<{ length: number }>(sql`
    select coalesce(sum(length(name) + 3), 0)::int as length from permissions`);
  return row?.length ?? 0;
}

/** Makes a permission and gives it to `admin`, in one statement; false when one of this name exists. */
export async function insertPermission(
  tx: Tx,
  { name, description, now }: { name: string; description: string; now: Date },
): Promise<boolean> {
  const written = await tx.run(sql`
    with made as (
      insert into permissions (name, description, created_at)
      values (${name}::text, ${description}::text, ${now}::timestamptz)
      on conflict (name) do nothing returning name)
    insert into role_permissions (role_name, permission_name) select 'admin', name from made`);
  return written === 1;
}

/**
 * Whether a role or a client with this permission also has one that is not in `held`; `admin`, which has every permission,
 * does not count.
 */
export async function isHeldBeyond(tx: Tx, name: string, held: readonly string[]): Promise<boolean> {
  const row = await tx.row(sql`
    select 1 from role_permissions rp join role_permissions beside on beside.role_name = rp.role_name
    where rp.permission_name = ${name}::text and rp.role_name <> 'admin'
      and beside.permission_name <> all(${[...held]}::text[])
    union all
    select 1 from client_permissions cp join client_permissions beside on beside.client_id = cp.client_id
    where cp.permission_name = ${name}::text and beside.permission_name <> all(${[...held]}::text[])
    limit 1`);
  return row !== null;
}

/** Removes a permission that is not built in, from every role and client. */
export function deletePermissionRow(tx: Tx, name: string): Promise<number> {
  return tx.run(sql`delete from permissions where name = ${name}::text and not built_in`);
}

export type DefinitionRow = { readonly version: string } & (
  | { readonly role: string; readonly mfa_required: boolean; readonly permission: string }
  | { readonly role: null }
);

/** What every role contains, by permission, with the version; where no role contains any, one row with nulls beside it. */
export function selectDefinitions(database: Sql): Promise<DefinitionRow[]> {
  return database.rows(sql`
    select v.version, r.name as role, r.mfa_required, rp.permission_name as permission
    from role_versions v left join (role_permissions rp join roles r on r.name = rp.role_name) on true
    order by rp.permission_name`);
}

/** The names of all roles. */
export function existingRoles(database: Sql): Promise<string[]> {
  return names(database.rows(sql`select name from roles order by name`));
}

/** Gives roles to new accounts, in one statement; a role that does not exist (in a dry run, not yet) is left out. */
export function grantMany(
  tx: Tx,
  grants: readonly { readonly userId: string; readonly role: string }[],
  now: Date,
): Promise<number> {
  return tx.run(sql`
    insert into user_roles (user_id, role_name, granted_at)
    select g.user_id, r.name, ${now}::timestamptz
    from unnest(${grants.map(({ userId }) => userId)}::uuid[], ${grants.map(({ role }) => role)}::text[])
      as g (user_id, role) join roles r on r.name = g.role`);
}
