import type { AuthenticatedClient } from '../clients/authenticate.ts';
import type { AccessClaims } from '../keys/claims.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem } from '../platform/problems.ts';
import { endSessions } from '../sessions/end.ts';
import { revokeAccessToken, sessionOfRefreshToken } from '../sessions/revoke.ts';
import { requirePermission } from './introspect.ts';

/**
 * Revokes a token (RFC 7009): an access token is revoked alone, a refresh token ends its whole session. A client may revoke
 * its own tokens; for any others it needs `sessions:revoke`, or it is refused with `permission_denied`. Anything but a live
 * token is ignored in silence (§2.2).
 */
export async function revoke(
  deps: KeysDeps,
  caller: Caller,
  client: AuthenticatedClient,
  token: string,
): Promise<void> {
  const claims = await readAccessToken(deps, token);
  if (claims !== null) return revokeAccess(deps, caller, client, claims);
  const session = await sessionOfRefreshToken(deps, token);
  if (session === null) return;
  await requirePermission(deps, caller, client, 'sessions:revoke');
  const actor = { kind: 'client', id: client.clientId } as const;
  await endSessions(deps, { ...session, reason: 'revoked_by_client', actor, caller });
}

async function readAccessToken({ keys }: KeysDeps, token: string): Promise<AccessClaims | null> {
  try {
    return await keys.verifyFresh(token);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

async function revokeAccess(
  deps: KeysDeps,
  caller: Caller,
  client: AuthenticatedClient,
  claims: AccessClaims,
): Promise<void> {
  if (claims.client_id !== client.clientId) await requirePermission(deps, caller, client, 'sessions:revoke');
  await revokeAccessToken(deps, claims, { actor: { kind: 'client', id: client.clientId }, caller });
}
