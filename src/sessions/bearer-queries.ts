import { type Account, accountColumns } from '../accounts/account.ts';
import type { Db, Tx } from '../platform/database.ts';
import { column, type Fragment, isOwned, type Reading, sql } from '../platform/sql.ts';
import { roleVersion } from '../rbac/definitions.ts';
import { rolesOf } from '../rbac/effective.ts';

export interface BearerRow extends Account {
  readonly roles: string[];
  /** How the session was proven, and the version of what the roles contain: both null when permissions are not asked for. */
  readonly amr: string[] | null;
  readonly role_version: string | null;
  readonly device_id: string | null;
  readonly session_ended_at: Date | null;
  readonly token_revoked: boolean;
}

const roles = rolesOf(sql`u.id`);
const grants = sql`s.amr, ${roleVersion} as role_version`;
const noGrants = sql`null as amr, null as role_version`;

/** An access token whose signature is right. */
interface Bearer {
  readonly sessionId: string;
  readonly userId: string;
  readonly jti: string;
}

/** Everything that decides a bearer's standing, in one statement; null when the session or its user is gone. */
export function findBearer(
  database: Db,
  { withPermissions, ...bearer }: Bearer & { readonly withPermissions: boolean },
): Promise<BearerRow | null> {
  return database.read(withPermissions ? standingWithGrants : standing, bearer);
}

const standing = standingOf(noGrants);
const standingWithGrants = standingOf(grants);

function standingOf(granted: Fragment): Reading<Bearer> {
  const select = (token: Readonly<Record<keyof Bearer, Fragment>>) => sql`
    select ${accountColumns}, ${roles} as roles, ${granted}, s.device_id, s.ended_at as session_ended_at,
      exists (select from revoked_tokens r where r.jti = ${token.jti}) as token_revoked
    from sessions s join users u on u.id = s.user_id
    where s.id = ${token.sessionId} and ${isOwned(sql`s.user_id`, token.userId)}`;
  return {
    alone: ({ sessionId, userId, jti }) =>
      select({
        sessionId: sql`${sessionId}::uuid`,
        userId: sql`${userId}::uuid`,
        jti: sql`${jti}::uuid`,
      }),
    // Each token is looked up by itself: while there are few accounts, a join would read all of them for at most ten tokens.
    together: all => sql`
      select token.place, standing.*
      from unnest(${column(all, ({ sessionId }) => sessionId)}::uuid[], ${column(all, ({ userId }) => userId)}::uuid[],
        ${column(all, ({ jti }) => jti)}::uuid[]) with ordinality as token (session_id, user_id, jti, place)
      cross join lateral (${select({
        sessionId: sql`token.session_id`,
        userId: sql`token.user_id`,
        jti: sql`token.jti`,
      })} limit 1) as standing`,
  };
}

/** Whether a session has not ended, and the access token that was presented for it is not revoked. */
export async function sessionStands(
  tx: Tx,
  { userId, sessionId, jti }: { userId: string; sessionId: string; jti: string },
): Promise<boolean> {
  const row = await tx.row(sql`
    select from sessions where id = ${sessionId}::uuid and ${isOwned(sql`user_id`, sql`${userId}::uuid`)} and ended_at is null
      and not exists (select from revoked_tokens where jti = ${jti}::uuid)`);
  return row !== null;
}
