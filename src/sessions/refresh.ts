import { findAccountById } from '../accounts/find.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { addSeconds } from '../platform/clock.ts';
import { Problem } from '../platform/problems.ts';
import { forgetDevice } from '../throttle/devices.ts';
import { endSession } from './queries.ts';
import { findRotated, type GrantRow, type RotationRow, rotateSession } from './refresh-queries.ts';
import {
  decodeRefreshToken,
  encodeRefreshToken,
  hashSeed,
  type RefreshToken,
  seedMatches,
} from './refresh-token.ts';
import { issueTokens, type TokenBody } from './token.ts';
import { withTry } from './tries.ts';

// A caller that lost the race for a rotation reads again to see what the winner wrote.
const READS = 3;

/**
 * Exchanges a refresh token for new tokens (RFC 6749 §6, RFC 9700 §4.14.2) in one statement. If that rotates nothing, a second
 * one reads why: the immediate predecessor of the current token gets the same successor again within
 * REFRESH_REUSE_GRACE_SECONDS of the rotation; anything older ends the session, unless its caller has hung up. A try that this
 * service could not answer counts as one with its retry (`withTry`). Refuses with `invalid_refresh_token` or
 * `refresh_token_reused`.
 */
export async function refresh(deps: KeysDeps, caller: Caller, token: string): Promise<TokenBody> {
  const presented = decodeRefreshToken(deps.secrets, token);
  if (presented === null) throw new Problem('invalid_refresh_token');
  return withTry(deps, `${presented.sessionId} ${presented.generation}`, {
    work: since => rotate(deps, caller, presented, since),
    isAnswer: error => error instanceof Problem && error.status === 401,
  });
}

async function rotate(
  deps: KeysDeps,
  caller: Caller,
  presented: RefreshToken,
  since: Date,
): Promise<TokenBody> {
  const { clock, config, db } = deps;
  for (let read = 0; read < READS; read++) {
    const now = clock.now();
    const rotated = await rotateSession(db, {
      sessionId: presented.sessionId,
      generation: presented.generation,
      seedHash: hashSeed(presented.seed),
      now,
      idleUntil: addSeconds(now, config.sessions.idleLifetime),
    });
    if (rotated !== null) return succeed(deps, presented, rotated);
    const session = await findRotated(db, presented.sessionId);
    const verdict = judge(presented, session, { now, since, grace: config.sessions.reuseGrace });
    if (verdict === 'raced') continue;
    if (verdict === 'invalid' || session === null) throw new Problem('invalid_refresh_token');
    if (verdict === 'reused') {
      // A proxy may have given up on a replica that stood still, and sent this to another: what is read much later is no theft.
      caller.hungUp?.throwIfAborted();
      return endStolenSession(deps, caller, session);
    }
    return succeed(deps, presented, session);
  }
  throw new Problem('overloaded');
}

function succeed(deps: KeysDeps, presented: RefreshToken, row: GrantRow): Promise<TokenBody> {
  return issueTokens(
    deps,
    {
      userId: row.user_id,
      sessionId: presented.sessionId,
      roles: row.roles,
      version: row.role_version,
      amr: row.amr,
      authTime: row.auth_time,
      sessionExpiresAt: row.expires_at,
    },
    encodeRefreshToken(deps.secrets, { ...presented, generation: presented.generation + 1 }),
  );
}

type Verdict = 'repeated' | 'raced' | 'reused' | 'invalid';

function judge(
  token: RefreshToken,
  session: RotationRow | null,
  { now, since, grace }: { now: Date; since: Date; grace: number },
): Verdict {
  if (session === null || !seedMatches(token.seed, session.seed_hash)) return 'invalid';
  const over = session.ended_at !== null || session.idle_expires_at <= now || session.expires_at <= now;
  if (over || session.disabled_at !== null) return 'invalid';
  const age = session.generation - token.generation;
  if (age === 0) return 'raced';
  if (age < 0) return 'invalid';
  const isSpared = grace > 0 && since < addSeconds(session.rotated_at, grace);
  return age === 1 && isSpared ? 'repeated' : 'reused';
}

// Of several simultaneous replays, one ends the session and mails its owner; all of them are refused alike.
async function endStolenSession(deps: KeysDeps, caller: Caller, session: RotationRow): Promise<never> {
  const { clock, cache, db } = deps;
  const ended = await db.transaction(async tx => {
    const row = await endSession(tx, {
      sessionId: session.id,
      now: clock.now(),
      reason: 'refresh_token_reused',
    });
    if (row === null) return false;
    if (session.device_id !== null)
      await forgetDevice(tx, { userId: session.user_id, deviceId: session.device_id });
    const account = await findAccountById(tx, session.user_id);
    await recordEvent(deps, tx, {
      type: 'session.theft',
      outcome: 'refusal',
      reason: 'refresh_token_reused',
      actor: anonymous,
      userId: session.user_id,
      sessionId: session.id,
      caller,
    });
    if (account !== null) {
      await enqueueMail(deps, tx, {
        template: 'refresh-token-theft',
        to: account.email,
        userId: account.id,
        params: whereOf(caller, clock.now()),
      });
    }
    return true;
  });
  if (ended) await cache.publishRevocation('sid', session.id, deps.config.tokens.accessLifetime);
  throw new Problem('refresh_token_reused');
}
