import { recordEvent } from '../audit/record.ts';
import { type AnsweredFactor, answerFactor, FACTOR_AMR } from '../authentication/answer-factor.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { secondFactorsOf } from '../mfa/factors.ts';
import { keepUsedFactors } from '../mfa/removal.ts';
import { Problem } from '../platform/problems.ts';
import { actorOf } from '../rbac/granter.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { renewSession } from '../sessions/renew.ts';
import type { TokenBody } from '../sessions/token.ts';
import { recordFailedAttempt } from '../throttle/failed-attempt.ts';
import { checkOrGiveBack, forgive, takeAttempt, writeOrGiveBack } from '../throttle/lockout.ts';
import { selectPassword } from './queries.ts';
import { reportUnusable } from './unusable-hash.ts';

export type Proof =
  | { readonly password: string }
  | { readonly factor: AnsweredFactor; readonly code: string };

/**
 * Proves again who holds the session, and renews its `auth_time` (RFC 9470). Whoever has a second factor must answer
 * with it. Draws on the account's attempts. Refuses with `mfa_required` and the `factors`, `invalid_credentials`,
 * `invalid_mfa_code`, `too_many_attempts`.
 */
export async function reauthenticate(
  deps: KeysDeps,
  principal: UserPrincipal,
  proof: Proof,
): Promise<TokenBody> {
  const { db } = deps;
  const { userId, account } = principal;
  if ('password' in proof && account.mfa_enabled) {
    const factors = await secondFactorsOf(db, userId);
    throw new Problem('mfa_required', { members: { factors } });
  }
  const attempt = await takeAttempt(deps, db, principal);
  const proven = await checkOrGiveBack(deps, attempt, async () =>
    'password' in proof
      ? provePassword(deps, principal, proof.password)
      : (await answerFactor(deps, principal, proof.factor, proof.code)) !== null,
  );
  const event = {
    type: 'session.reauthenticated',
    outcome: proven ? 'success' : 'failure',
    reason: 'password' in proof ? 'password' : proof.factor,
    actor: actorOf(principal),
    userId,
    sessionId: principal.sessionId,
    caller: principal.caller,
  } as const;
  if (!proven) {
    await recordFailedAttempt(deps, event, { ...attempt, email: account.email });
    throw new Problem('password' in proof ? 'invalid_credentials' : 'invalid_mfa_code');
  }
  await writeOrGiveBack(deps, attempt.subject, async () => {
    await recordEvent(deps, db, event);
    if ('factor' in proof) await keepUsedFactors(deps, principal);
    await forgive(db, attempt);
  });
  return renewSession(deps, principal, 'password' in proof ? ['pwd'] : [FACTOR_AMR[proof.factor], 'mfa']);
}

async function provePassword(
  { db, hasher, log }: KeysDeps,
  { userId, caller }: UserPrincipal,
  password: string,
): Promise<boolean> {
  const stored = await selectPassword(db, userId);
  reportUnusable({ log }, caller, userId, stored?.hash ?? null);
  return (await hasher.compare(stored?.hash ?? null, password, caller.hungUp)).matches;
}
