import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import type { Holder } from '../rbac/definitions.ts';
import { insertSessionFragment } from './queries.ts';
import { encodeRefreshToken, hashSeed } from './refresh-token.ts';
import { issueTokens, type TokenBody } from './token.ts';

/** A session that is about to start: the statement that writes it, and the tokens to hand out once it is committed. */
export interface NewSession {
  readonly id: string;
  /** `insert into sessions …`, for the CTE or the transaction that lets the person in. */
  readonly insert: Fragment;
  /** Signs the first tokens. Call it after the commit. */
  tokens(deps: KeysDeps, held: Pick<Holder, 'roles' | 'version'>): Promise<TokenBody>;
}

/**
 * Prepares a session that was never refreshed. Each refresh moves its idle end to REFRESH_TOKEN_EXPIRE_DAYS ahead, but never
 * past SESSION_MAX_AGE_DAYS.
 */
export function newSession(
  { clock, config, random, secrets }: Deps,
  caller: Caller,
  {
    userId,
    amr,
    deviceId,
    from,
  }: { userId: string; amr: readonly string[]; deviceId: string | null; from: Fragment },
): NewSession {
  const now = clock.now();
  const id = random.uuid();
  const seed = random.bytes(32);
  const until = addSeconds(now, config.sessions.maxAge);
  const idle = addSeconds(now, Math.min(config.sessions.idleLifetime, config.sessions.maxAge));
  const insert = insertSessionFragment(
    {
      id,
      userId: sql`${userId}::uuid`,
      seedHash: hashSeed(seed),
      seedSealed: secrets.seal(`sessions:${id}`, seed),
      now,
      idleUntil: idle,
      until,
      amr,
      deviceId,
      ip: caller.ip,
      userAgent: caller.userAgent,
    },
    from,
  );
  return {
    id,
    insert,
    tokens: (deps, { roles, version }) =>
      issueTokens(
        deps,
        { userId, sessionId: id, roles, version, amr, authTime: now, sessionExpiresAt: until },
        encodeRefreshToken(secrets, { sessionId: id, generation: 0, seed }),
      ),
  };
}
