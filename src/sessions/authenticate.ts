import { recordEvent } from '../audit/record.ts';
import { findClientPrincipal } from '../clients/bearer-queries.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import type { Access } from '../platform/http/access.ts';
import { Problem } from '../platform/problems.ts';
import { grantsOf } from '../rbac/definitions.ts';
import { awaitsFactor } from '../rbac/effective.ts';
import { actorOf } from '../rbac/granter.ts';
import { findBearer } from './bearer-queries.ts';
import type { ClientPrincipal, Principal, TokenPrincipal, UserPrincipal } from './principal.ts';

export interface Needs {
  readonly access: Exclude<Access, 'public'>;
  /** The proof of identity must be younger than REAUTH_MINUTES. */
  readonly recent: boolean;
  /** Read what the roles permit even where `access` requires no permission. */
  readonly permissions?: boolean;
}

/**
 * Who an access token speaks for, read with the session, the account and its roles in one statement, so that a logout,
 * a disabled account and a changed role count at once. Refuses with `invalid_token`, `token_expired`, `token_revoked`,
 * `account_disabled`, `user_required`, `permission_denied` or `reauthentication_required` (RFC 6750 §3, RFC 9470).
 */
export async function authenticate(
  deps: KeysDeps,
  token: string,
  caller: Caller,
  needs: Needs,
): Promise<Principal | TokenPrincipal> {
  const claims = await deps.keys.verifyFresh(token);
  // A client's token belongs to no session, so the route's own statement could not tell whether it is still good.
  if (needs.access === 'token' && claims.sid !== undefined) return { kind: 'token', claims, caller };
  const permission = typeof needs.access === 'object' ? needs.access.permission : null;
  const principal =
    claims.sid === undefined
      ? await authenticateClient(deps, { clientId: claims.sub, jti: claims.jti }, caller)
      : await authenticateUser(deps, claims, caller, permission !== null || needs.permissions === true);
  const forUsers = needs.access === 'user' || needs.access === 'token';
  if (forUsers && principal.kind !== 'user') throw new Problem('user_required');
  if (permission !== null && !principal.permissions.has(permission)) {
    await refusePermission(deps, principal, permission);
  }
  if (needs.recent) requireRecent(deps, principal);
  return principal;
}

/** Refuses with `reauthentication_required` when the person proved who they are longer than REAUTH_MINUTES ago. */
export function requireRecent(
  { clock, config }: Pick<KeysDeps, 'clock' | 'config'>,
  principal: Principal,
): void {
  if (principal.kind === 'client') return;
  const age = (clock.now().getTime() - principal.authTime.getTime()) / 1000;
  if (age > config.sessions.reauthAge) throw new Problem('reauthentication_required');
}

async function authenticateUser(
  deps: KeysDeps,
  { sub: userId, sid: sessionId, jti, auth_time }: TokenPrincipal['claims'],
  caller: Caller,
  withPermissions: boolean,
): Promise<UserPrincipal> {
  const row = await findBearer(deps.db, { userId, sessionId, jti, withPermissions });
  if (row === null) throw new Problem('invalid_token');
  if (row.session_ended_at !== null || row.token_revoked) throw new Problem('token_revoked');
  if (row.disabled_at !== null) throw new Problem('account_disabled');
  const { roles, permissions } = withPermissions
    ? await grantsOf(deps.db, {
        userId,
        roles: row.roles,
        version: row.role_version,
        amr: row.amr ?? [],
      })
    : { roles: row.roles, permissions: [] };
  return {
    kind: 'user',
    userId,
    sessionId,
    jti,
    account: row,
    roles,
    permissions: new Set(permissions),
    authTime: new Date(auth_time * 1000),
    deviceId: row.device_id,
    caller,
  };
}

async function authenticateClient(
  deps: KeysDeps,
  token: { clientId: string; jti: string },
  caller: Caller,
): Promise<ClientPrincipal> {
  const found = await findClientPrincipal(deps.db, token);
  if (found === null) throw new Problem('invalid_token');
  if (found.revoked) throw new Problem('token_revoked');
  return {
    kind: 'client',
    clientId: token.clientId,
    jti: token.jti,
    permissions: new Set(found.permissions),
    caller,
  };
}

/** Refuses whoever lacks a permission with `permission_denied`, which names it, and records that. */
export async function refusePermission(
  deps: KeysDeps,
  principal: UserPrincipal | Omit<ClientPrincipal, 'jti'>,
  permission: string,
): Promise<never> {
  await recordEvent(deps, deps.db, {
    type: 'permission.denied',
    outcome: 'refusal',
    reason: permission,
    actor: actorOf(principal),
    userId: principal.kind === 'user' ? principal.userId : null,
    sessionId: principal.kind === 'user' ? principal.sessionId : null,
    caller: principal.caller,
  });
  const awaits = principal.kind === 'user' && (await awaitsFactor(deps.db, principal.userId, permission));
  throw new Problem('permission_denied', {
    message: awaits
      ? `Your role gives the permission ${permission} only after a login with a second factor.`
      : `This requires the permission ${permission}.`,
    members: { permission, ...(awaits && { factor_required: true }) },
  });
}
