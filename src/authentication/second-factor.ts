import type { Account } from '../accounts/account.ts';
import { findAccountById } from '../accounts/find.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import { consumeChallenge, findChallenge, takeTry } from '../challenges/consume.ts';
import { issueChallenge } from '../challenges/issue.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { secondFactorsOf } from '../mfa/factors.ts';
import { keepUsedFactors } from '../mfa/removal.ts';
import { requireSms, textLoginCode } from '../mfa/sms.ts';
import type { Caller } from '../platform/caller.ts';
import { isProblem, Problem } from '../platform/problems.ts';
import type { TokenBody } from '../sessions/token.ts';
import { recordFailedAttempt } from '../throttle/failed-attempt.ts';
import { checkOrGiveBack, takeAttempt, writeOrGiveBack } from '../throttle/lockout.ts';
import { type AnsweredFactor, answerFactor, FACTOR_AMR } from './answer-factor.ts';
import { finishAuthentication } from './finish.ts';
import type { FirstFactor } from './first-factor.ts';

/** How long a first factor stays good while the second is asked for, in seconds. */
const MFA_TOKEN_LIFETIME = 600;
const MFA_TOKEN_TRIES = 5;

interface Pending {
  readonly amr: readonly string[];
  readonly deviceId: string | null;
  readonly passwordExpired: boolean;
  readonly passwordSetAt: string | null;
  readonly identity: { readonly issuer: string; readonly subject: string } | null;
  readonly mailbox: string | null;
}

/** Asks for a second factor: refuses with `mfa_required`, an `mfa_token` for `POST /token/mfa` and the `factors`. */
export async function demandSecondFactor(deps: KeysDeps, caller: Caller, proof: FirstFactor): Promise<never> {
  const { db } = deps;
  const pending: Pending = {
    amr: proof.amr,
    deviceId: proof.deviceId,
    passwordExpired: proof.passwordExpired === true,
    passwordSetAt: proof.passwordSetAt?.toISOString() ?? null,
    identity: proof.identity ?? null,
    mailbox: proof.mailbox ?? null,
  };
  const { token, expiresAt } = await issueChallenge(deps, db, {
    purpose: 'mfa',
    userId: proof.account.id,
    data: { ...pending },
    lifetime: MFA_TOKEN_LIFETIME,
  });
  await recordEvent(deps, db, {
    type: 'mfa.challenged',
    outcome: 'success',
    actor: { kind: 'user', id: proof.account.id },
    userId: proof.account.id,
    caller,
  });
  const factors = await secondFactorsOf(db, proof.account.id);
  throw new Problem('mfa_required', {
    members: { mfa_token: token, factors, expires_at: expiresAt.toISOString() },
  });
}

/**
 * Answers the demand for a second factor and starts the session. Five wrong codes burn the `mfa_token`, and each also takes
 * one of the account's attempts, whatever the factor. Refuses with `invalid_mfa_token`, `invalid_mfa_code`,
 * `too_many_attempts` or `password_expired`.
 */
export function answerSecondFactor(
  deps: KeysDeps,
  caller: Caller,
  { mfaToken, factor, code }: { mfaToken: string; factor: AnsweredFactor; code: string },
): Promise<TokenBody> {
  return answerPending(deps, caller, mfaToken, {
    factor,
    amr: FACTOR_AMR[factor],
    refusal: 'invalid_mfa_code',
    prove: (userId, loginId) => answerFactor(deps, { userId, loginId, caller }, factor, code),
  });
}

/** The login that an `mfa_token` stands for, or null if it cannot be answered any more; spends nothing. */
export async function findPendingLogin(
  deps: Pick<KeysDeps, 'clock' | 'db'>,
  mfaToken: string,
): Promise<{ loginId: string; userId: string } | null> {
  const asked = await findChallenge(deps, deps.db, { purpose: 'mfa', token: mfaToken });
  if (asked === null || asked.userId === null || asked.attempts >= MFA_TOKEN_TRIES) return null;
  return { loginId: asked.id, userId: asked.userId };
}

interface Answer {
  readonly factor: AnsweredFactor | 'passkey';
  /** What the factor adds to `amr`, beside `mfa`. */
  readonly amr: string;
  readonly refusal: 'invalid_mfa_code' | 'passkey_refused';
  /** Null for a wrong proof; else what must still be there when the session starts. */
  readonly prove: (userId: string, loginId: string) => Promise<Pick<FirstFactor, 'factorId'> | null>;
}

/** The same for any proof of a second factor; a wrong one is refused with `refusal`. */
export async function answerPending(
  deps: KeysDeps,
  caller: Caller,
  mfaToken: string,
  { factor, amr, refusal, prove }: Answer,
): Promise<TokenBody> {
  const { db } = deps;
  const asked = await takeTry(deps, db, { purpose: 'mfa', token: mfaToken, maxAttempts: MFA_TOKEN_TRIES });
  if (asked === null || asked.userId === null) throw new Problem('invalid_mfa_token');
  const { userId } = asked;
  const pending = asked.data as unknown as Pending;
  const attempt = await takeAttempt(deps, db, { userId, deviceId: pending.deviceId });

  const proven = await checkOrGiveBack(deps, attempt, () => prove(userId, asked.id));
  if (proven === null) {
    await recordFailedAttempt(
      deps,
      { type: 'mfa.failed', outcome: 'failure', reason: factor, actor: anonymous, userId, caller },
      { ...attempt, email: (await findAccountById(db, userId))?.email ?? null },
    );
    throw new Problem(refusal);
  }
  const account = await writeOrGiveBack(deps, attempt.subject, () =>
    spendPending(deps, caller, { userId, mfaToken }),
  );
  return finishAuthentication(deps, caller, {
    account,
    amr: [...new Set([...pending.amr, amr, 'mfa'])],
    subject: attempt.subject,
    deviceId: pending.deviceId,
    passwordExpired: pending.passwordExpired,
    passwordSetAt: pending.passwordSetAt === null ? null : new Date(pending.passwordSetAt),
    ...(pending.identity !== null && { identity: pending.identity }),
    ...(pending.mailbox !== null && { mailbox: pending.mailbox }),
    ...proven,
  }).catch(overtaken);
}

// What was proven first is gone, for instance a provider that was unlinked meanwhile: nobody entered wrong credentials here.
function overtaken(error: unknown): never {
  throw isProblem(error, 'invalid_credentials') ? new Problem('invalid_mfa_token', { cause: error }) : error;
}

async function spendPending(
  deps: KeysDeps,
  caller: Caller,
  { userId, mfaToken }: { userId: string; mfaToken: string },
): Promise<Account> {
  const account = await findAccountById(deps.db, userId);
  const won = await consumeChallenge(deps, deps.db, { purpose: 'mfa', token: mfaToken });
  if (account === null || won === null) throw new Problem('invalid_mfa_token');
  await keepUsedFactors(deps, { userId, caller });
  return account;
}

/**
 * Texts a login code for a pending second factor. Refuses with `feature_disabled`, `invalid_mfa_token`, `factor_not_found`,
 * `rate_limited`.
 */
export async function textSecondFactor(deps: KeysDeps, caller: Caller, mfaToken: string): Promise<void> {
  requireSms(deps);
  const pending = await findPendingLogin(deps, mfaToken);
  if (pending === null) throw new Problem('invalid_mfa_token');
  await textLoginCode(deps, { ...pending, caller });
}
