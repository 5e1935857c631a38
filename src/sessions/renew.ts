import type { KeysDeps } from '../keys/key-ring.ts';
import { Problem } from '../platform/problems.ts';
import type { UserPrincipal } from './principal.ts';
import { renewAuthTime } from './queries.ts';
import { encodeRefreshToken } from './refresh-token.ts';
import { issueTokens, type TokenBody } from './token.ts';

/**
 * New tokens of the same session with a fresh `auth_time`. The refresh token is the session's current one, so that a client
 * that ignores or loses it can go on with the one it has. Refuses with `token_revoked` when the session has ended.
 */
export async function renewSession(
  deps: KeysDeps,
  { userId, sessionId }: UserPrincipal,
  amr: readonly string[],
): Promise<TokenBody> {
  const { clock, db, secrets } = deps;
  const now = clock.now();
  const row = await renewAuthTime(db, { sessionId, now, amr });
  if (row === null) throw new Problem('token_revoked');
  const seed = secrets.open(`sessions:${sessionId}`, row.seed_sealed);
  return issueTokens(
    deps,
    {
      userId,
      sessionId,
      roles: row.roles,
      version: row.role_version,
      amr: row.amr,
      authTime: now,
      sessionExpiresAt: row.expires_at,
    },
    encodeRefreshToken(secrets, { sessionId, generation: row.generation, seed }),
  );
}
