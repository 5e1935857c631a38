import type { Db, Sql } from '../platform/database.ts';
import { column, type Fragment, type Joint, sql } from '../platform/sql.ts';
import { roleVersion } from '../rbac/definitions.ts';
import { rolesOf } from '../rbac/effective.ts';
import type { SessionRow } from './queries.ts';

/** What the tokens of a session are made of. */
export interface GrantRow {
  readonly user_id: string;
  readonly expires_at: Date;
  readonly auth_time: Date;
  readonly amr: string[];
  readonly roles: string[];
  readonly role_version: string | null;
}

/** What a refresh that rotated nothing needs to know: the session, and the standing of its account. */
export interface RotationRow extends SessionRow, GrantRow {
  readonly device_id: string | null;
}

const granted = sql`s.user_id, s.expires_at, s.auth_time, ${rolesOf(sql`s.user_id`)} as roles, s.amr,
  ${roleVersion} as role_version`;
// No join, neither here nor for the sessions below: while PostgreSQL knows of few rows, it would read all of them for at most
// ten tokens, and keep that plan as they become many.
const mayRefresh = sql`(select u.disabled_at is null from users u where u.id = s.user_id)`;

/** A refresh token as it was presented. */
export interface Presented {
  readonly sessionId: string;
  readonly generation: number;
  readonly seedHash: Buffer;
  readonly now: Date;
  readonly idleUntil: Date;
}

const rotation: Joint<Presented> = {
  key: ({ sessionId }) => sessionId,
  alone: ({ sessionId, generation, seedHash, now, idleUntil }) => sql`
    update sessions s set ${rotated(now, idleUntil)}
    where s.id = ${sessionId}::uuid and ${isCurrent(sql`${generation}::int`, sql`${seedHash}::bytea`, now)}
      and ${mayRefresh}
    returning ${granted}`,
  together(all) {
    const { now, idleUntil } = all.at(-1) as Presented;
    return sql`
      update sessions s set ${rotated(now, idleUntil)}
      where s.ctid = any(array(
          select found.ctid
          from unnest(${column(all, token => token.sessionId)}::uuid[], ${column(all, token => token.generation)}::int[],
            ${column(all, token => token.seedHash)}::bytea[]) as token (session_id, generation, seed_hash)
          cross join lateral (
            select s.ctid from sessions s
            where s.id = token.session_id and ${isCurrent(sql`token.generation`, sql`token.seed_hash`, now)}
            for no key update of s skip locked) as found))
        and ${mayRefresh}
      returning s.id as key, ${granted}`;
  },
};

function rotated(now: Date, idleUntil: Date): Fragment {
  return sql`generation = s.generation + 1, rotated_at = ${now}::timestamptz,
    idle_expires_at = least(s.expires_at, ${idleUntil}::timestamptz)`;
}

function isCurrent(generation: Fragment, seedHash: Fragment, now: Date): Fragment {
  return sql`s.generation = ${generation} and s.seed_hash = ${seedHash} and s.ended_at is null
    and s.idle_expires_at > ${now}::timestamptz and s.expires_at > ${now}::timestamptz`;
}

/** Rotates the session if this token is its current one; of N callers at once, only one does. Null where it rotated nothing. */
export function rotateSession(database: Db, token: Presented): Promise<GrantRow | null> {
  return database.join(rotation, token);
}

/** A session that was not rotated, as it stands; null when there is none. */
export function findRotated(database: Sql, sessionId: string): Promise<RotationRow | null> {
  return database.row(sql`
    select s.id, s.generation, s.seed_hash, s.rotated_at, s.idle_expires_at, s.device_id, s.ended_at, u.disabled_at,
      ${granted} from sessions s join users u on u.id = s.user_id where s.id = ${sessionId}::uuid`);
}
