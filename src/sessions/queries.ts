import { hasSettledSecret } from '../audit/key-queries.ts';
import type { Revocation } from '../platform/cache.ts';
import type { Sql } from '../platform/database.ts';
import { column, type Fragment, isOwned, sql } from '../platform/sql.ts';
import { roleVersion } from '../rbac/definitions.ts';
import { rolesOf } from '../rbac/effective.ts';

export interface SessionRow {
  readonly id: string;
  readonly user_id: string;
  readonly generation: number;
  readonly seed_hash: Buffer;
  readonly rotated_at: Date;
  readonly idle_expires_at: Date;
  readonly ended_at: Date | null;
  /** Of the account. */
  readonly disabled_at: Date | null;
}

/** `insert into sessions …`, for the statement that lets somebody in. */
export function insertSessionFragment(
  session: {
    id: string;
    userId: Fragment;
    seedHash: Buffer;
    seedSealed: Buffer;
    now: Date;
    idleUntil: Date;
    until: Date;
    amr: readonly string[];
    deviceId: string | null;
    ip: string;
    userAgent: string;
  },
  from: Fragment,
): Fragment {
  return sql`
    insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, device_id,
      ip, user_agent, created_at)
    select ${session.id}::uuid, ${session.userId}, ${session.seedHash}::bytea, ${session.seedSealed}::bytea, ${session.now}::timestamptz,
      ${session.idleUntil}::timestamptz, ${session.until}::timestamptz, ${session.now}::timestamptz,
      ${session.amr}::text[], ${session.deviceId}::uuid, ${session.ip}::text, ${session.userAgent}::text,
      ${session.now}::timestamptz
    ${from}`;
}

/** What an access token says of its session: the owner must be right, and the token itself not revoked. */
interface Bearing {
  readonly userId: string;
  readonly jti: string;
}

/** `update sessions … returning id` of the one session, if it has not ended yet. */
export function endSessionFragment({
  sessionId,
  token,
  now,
  reason,
}: {
  sessionId: string;
  token?: Bearing;
  now: Date;
  reason: string;
}): Fragment {
  const borne =
    token === undefined
      ? sql``
      : sql`and ${isOwned(sql`user_id`, sql`${token.userId}::uuid`)}
          and not exists (select from revoked_tokens where jti = ${token.jti}::uuid)`;
  return sql`
    update sessions set ended_at = ${now}::timestamptz, end_reason = ${reason}::text
    where id = ${sessionId}::uuid and ended_at is null ${borne}
    returning id`;
}

/**
 * The same for the sessions of several access tokens; passes over those that are locked, and those whose audit event would
 * have to wait. Each session is looked up by itself, and then updated by its place (`ctid`). While PostgreSQL knows of few
 * sessions, it would find these places by reading the whole table, and keep that plan as sessions become many; what keeps it
 * from that plan is the cost of `hasSettledSecret`, which it counts for each row read.
 */
export function endSessionsFragment(
  tokens: readonly (Bearing & { readonly sessionId: string; readonly now: Date })[],
  reason: string,
): Fragment {
  return sql`
    update sessions set ended_at = ${tokens.at(-1)?.now}::timestamptz, end_reason = ${reason}::text
    where ctid = any(array(
      select found.ctid
      from unnest(${column(tokens, token => token.sessionId)}::uuid[], ${column(tokens, token => token.userId)}::uuid[],
        ${column(tokens, token => token.jti)}::uuid[]) as token (session_id, user_id, jti)
      cross join lateral (
        select s.ctid from sessions s
        where s.id = token.session_id and ${isOwned(sql`s.user_id`, sql`token.user_id`)} and s.ended_at is null
          and not exists (select from revoked_tokens r where r.jti = token.jti)
        for no key update of s skip locked) as found))
      and ${hasSettledSecret(sql`sessions.user_id`)}
    returning id`;
}

export interface EndedSession {
  readonly id: string;
}

/** Ends the sessions of a user: all, one, all but one, or those of a device. Returns those that this call ended. */
export function endSessionsOfUser(
  database: Sql,
  {
    userId,
    sessionId,
    exceptSessionId,
    deviceId,
    now,
    reason,
  }: {
    userId: string;
    sessionId?: string | undefined;
    exceptSessionId?: string | undefined;
    deviceId?: string | undefined;
    now: Date;
    reason: string;
  },
): Promise<EndedSession[]> {
  const owner = sql`${userId}::uuid`;
  return database.rows(sql`
    update sessions set ended_at = ${now}::timestamptz, end_reason = ${reason}::text
    where ${sessionId === undefined ? sql`user_id = ${owner}` : sql`id = ${sessionId}::uuid and ${isOwned(sql`user_id`, owner)}`}
      and ended_at is null
      ${exceptSessionId === undefined ? sql`` : sql`and id <> ${exceptSessionId}::uuid`}
      ${deviceId === undefined ? sql`` : sql`and device_id = ${deviceId}::uuid`}
    returning id`);
}

export interface ListedSession {
  readonly id: string;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly amr: string[];
  readonly created_at: Date;
  readonly rotated_at: Date;
  readonly expires_at: Date;
}

/** A page of a user's live sessions, the latest first. */
export function findLiveSessions(
  database: Sql,
  {
    userId,
    now,
    after,
    limit,
  }: { userId: string; now: Date; after: readonly string[] | null; limit: number },
): Promise<ListedSession[]> {
  const [seen = null, id = null] = after ?? [];
  return database.rows(sql`
    select id, ip, user_agent, amr, created_at, rotated_at, expires_at from sessions
    where user_id = ${userId}::uuid and ended_at is null and idle_expires_at > ${now}::timestamptz
      and expires_at > ${now}::timestamptz
      and (${id}::uuid is null or (rotated_at, id) < (${seen}::timestamptz, ${id}::uuid))
    order by rotated_at desc, id desc limit ${limit}::int`);
}

export interface RenewedRow {
  readonly generation: number;
  readonly seed_sealed: Buffer;
  readonly expires_at: Date;
  readonly amr: string[];
  readonly roles: string[];
  readonly role_version: string | null;
}

/** Renews the session's `auth_time` and adds to its `amr`; null when it has ended. */
export function renewAuthTime(
  database: Sql,
  { sessionId, now, amr }: { sessionId: string; now: Date; amr: readonly string[] },
): Promise<RenewedRow | null> {
  const joined = sql`array(select distinct unnest(s.amr || ${amr}::text[]) order by 1)`;
  return database.row(sql`
    update sessions s set auth_time = ${now}::timestamptz, amr = ${joined}
    where s.id = ${sessionId}::uuid and s.ended_at is null
    returning s.generation, s.seed_sealed, s.expires_at, s.amr, ${rolesOf(sql`s.user_id`)} as roles,
      ${roleVersion} as role_version`);
}

/** Ends a session by its id, for a theft or a revocation; null when it had ended before. */
export function endSession(
  database: Sql,
  { sessionId, now, reason }: { sessionId: string; now: Date; reason: string },
): Promise<{ id: string } | null> {
  return database.row(endSessionFragment({ sessionId, now, reason }));
}

/** Records that one access token is revoked, until it would have expired. */
export function insertRevokedToken(database: Sql, jti: string, expiresAt: Date): Promise<number> {
  return database.run(sql`
    insert into revoked_tokens (jti, expires_at) values (${jti}::uuid, ${expiresAt}::timestamptz)
    on conflict (jti) do nothing`);
}

/** A refresh token's session as it stands, for introspection. */
export function findSession(database: Sql, sessionId: string): Promise<SessionRow | null> {
  return database.row(sql`
    select s.id, s.user_id, s.generation, s.seed_hash, s.rotated_at, s.idle_expires_at, s.ended_at, u.disabled_at
    from sessions s join users u on u.id = s.user_id where s.id = ${sessionId}::uuid`);
}

/** Deletes sessions and revocations that expired before `before`, at most `limit` of each; returns how many rows. */
export async function sweepSessions(database: Sql, before: Date, limit: number): Promise<number> {
  const sessions = await database.run(sql`
    delete from sessions where id = any(array(
      select id from sessions where expires_at < ${before}::timestamptz limit ${limit}::int for update skip locked))`);
  const tokens = await database.run(sql`
    delete from revoked_tokens where jti = any(array(
      select jti from revoked_tokens where expires_at < ${before}::timestamptz limit ${limit}::int for update skip locked))`);
  return sessions + tokens;
}

/**
 * Revoked tokens that have not expired, and sessions that ended after `since`, each with the latest expiry of its access tokens.
 * Only the audit trail still knows the sessions of removed accounts. Reads every session, 0.6 s for a million: only a copy that was
 * lost in Redis asks for this, and an index on `ended_at` makes each logout a tenth slower.
 */
export function findLiveRevocations(
  database: Sql,
  { now, since, lifetime }: { now: Date; since: Date; lifetime: number },
): Promise<Revocation[]> {
  return database.rows(sql`
    with ended as (
      select id, ended_at from sessions where ended_at > ${since}::timestamptz
      union
      select session_id, max(created_at) from audit_events
      where type in ('session.ended', 'session.theft') and created_at > ${since}::timestamptz and session_id is not null
        and not exists (select from sessions s where s.id = session_id)
      group by session_id)
    select 'sid' as kind, id, ended_at as "revokedAt",
      ended_at + make_interval(secs => ${lifetime}::float8) as "expiresAt" from ended
    union all
    select 'jti', jti, ${now}::timestamptz, expires_at from revoked_tokens where expires_at > ${now}::timestamptz`);
}
