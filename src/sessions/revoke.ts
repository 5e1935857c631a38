import { type Actor, recordEvent } from '../audit/record.ts';
import type { AccessClaims } from '../keys/claims.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { findSession, insertRevokedToken } from './queries.ts';
import { decodeRefreshToken, seedMatches } from './refresh-token.ts';

/**
 * Revokes one access token until it would have expired (RFC 7009 §2.1); its session lives on. Recorded once, however often
 * it is revoked.
 */
export async function revokeAccessToken(
  deps: Deps,
  claims: AccessClaims,
  { actor, caller }: { actor: Actor; caller: Caller },
): Promise<void> {
  const { jti, sid, sub, exp } = claims;
  await deps.db.transaction(async tx => {
    if ((await insertRevokedToken(tx, jti, new Date(exp * 1000))) === 0) return;
    await recordEvent(deps, tx, {
      type: 'token.revoked',
      outcome: 'success',
      actor,
      userId: sid === undefined ? null : sub,
      sessionId: sid ?? null,
      caller,
      data: { jti },
    });
  });
  const seconds = Math.ceil(exp - deps.clock.now().getTime() / 1000);
  if (seconds > 0) await deps.cache.publishRevocation('jti', jti, seconds);
}

/** A refresh token that would be accepted now. */
export interface ActiveRefreshToken {
  readonly sessionId: string;
  readonly userId: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

/** What a refresh token stands for, or null when a refresh with it would be refused. Rotates nothing. */
export async function inspectRefreshToken(deps: Deps, token: string): Promise<ActiveRefreshToken | null> {
  const session = await findPresented(deps, token);
  const isLive =
    session?.isCurrent === true &&
    session.ended_at === null &&
    session.disabled_at === null &&
    session.idle_expires_at > deps.clock.now();
  return isLive
    ? {
        sessionId: session.id,
        userId: session.user_id,
        issuedAt: session.rotated_at,
        expiresAt: session.idle_expires_at,
      }
    : null;
}

/** The session that a refresh token of any generation belongs to, or null: for revocation (RFC 7009 §2.1). */
export async function sessionOfRefreshToken(
  deps: Deps,
  token: string,
): Promise<{ sessionId: string; userId: string } | null> {
  const session = await findPresented(deps, token);
  return session && { sessionId: session.id, userId: session.user_id };
}

async function findPresented({ db, secrets }: Deps, token: string) {
  const presented = decodeRefreshToken(secrets, token);
  if (presented === null) return null;
  const session = await findSession(db, presented.sessionId);
  if (session === null || !seedMatches(presented.seed, session.seed_hash)) return null;
  return { ...session, isCurrent: session.generation === presented.generation };
}
