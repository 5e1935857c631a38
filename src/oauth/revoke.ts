import type { AuthenticatedClient } from '../clients/authenticate.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { endSessions } from '../sessions/end.ts';
import { revokeAccessToken, sessionOfRefreshToken } from '../sessions/revoke.ts';
import { requirePermission, unlessRefused } from './introspect.ts';

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
  const actor = { kind: 'client', id: client.clientId } as const;
  const claims = await unlessRefused(() => deps.keys.verifyFresh(token));
  if (claims !== null) {
    if (claims.client_id !== client.clientId)
      await requirePermission(deps, caller, client, 'sessions:revoke');
    return revokeAccessToken(deps, claims, { actor, caller });
  }
  const session = await sessionOfRefreshToken(deps, token);
  if (session === null) return;
  await requirePermission(deps, caller, client, 'sessions:revoke');
  await endSessions(deps, { ...session, reason: 'revoked_by_client', actor, caller });
}
