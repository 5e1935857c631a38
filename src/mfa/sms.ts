import { normalizePhone } from '../accounts/phone.ts';
import { recordEvent } from '../audit/record.ts';
import { answerCode } from '../challenges/answer-code.ts';
import type { Challenge } from '../challenges/challenge.ts';
import { newestChallenge, voidChallenges } from '../challenges/consume.ts';
import { resendWait } from '../challenges/cooldown.ts';
import { issueCode } from '../challenges/issue.ts';
import { enqueueSms } from '../delivery/enqueue.ts';
import { assertPhoneAllowed, smsBudgetSpent, takeSmsBudget } from '../delivery/sms-budget.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { completeEnrolment } from './enrolment.ts';
import { type FactorRow, replaceUnconfirmed, selectFactor } from './queries.ts';

/** How long a texted code is good for, in seconds (ASVS 6.5.5: at most ten minutes). */
const CODE_LIFETIME = 600;

/** Whether a way to send text messages is configured. */
export const sendsTexts = ({ sms }: Deps['config']) => sms.webhook !== null || sms.twilio !== null;

/** Refuses with `feature_disabled` unless `sendsTexts`. */
export function requireSms({ config }: Deps): void {
  if (!sendsTexts(config)) throw new Problem('feature_disabled');
}

/**
 * Begins to set up a phone: texts a code to it. Refuses with `factor_exists`, `phone_not_allowed`, `sms_budget_spent`,
 * and with `rate_limited` for a third code within a minute.
 */
export async function enrolSms(
  deps: Deps,
  principal: UserPrincipal,
  phoneNumber: string,
): Promise<{ factor_id: string }> {
  requireSms(deps);
  const { db, clock, random } = deps;
  const { userId } = principal;
  const number = await assertPhoneAllowed(deps, await normalizePhone(phoneNumber));
  if ((await selectFactor(db, { userId, kind: 'sms', confirmed: true })) !== null)
    throw new Problem('factor_exists');
  const id = random.uuid();
  const refusal = await db.transaction(async tx => {
    const refused = await refuseCode(deps, tx, { purpose: 'sms-enrol', userId, number });
    if (refused !== null) return refused;
    await replaceUnconfirmed(tx, {
      id,
      userId,
      kind: 'sms',
      secretSealed: null,
      phoneNumber: number,
      now: clock.now(),
    });
    await sendCode(deps, tx, principal, { purpose: 'sms-enrol', userId, number });
    return null;
  });
  if (refusal !== null) throw refusal;
  return { factor_id: id };
}

/** Whether a code that was texted to a new phone can still confirm it. */
export async function isSmsCodeAwaited(deps: Deps, { userId }: UserPrincipal): Promise<boolean> {
  return (await newestChallenge(deps, deps.db, { purpose: 'sms-enrol', userId })) !== null;
}

/** Confirms the phone with the code that it was sent, and returns ten recovery codes. */
export async function confirmSms(deps: Deps, principal: UserPrincipal, code: string): Promise<string[]> {
  requireSms(deps);
  const { userId } = principal;
  const factor = await selectFactor(deps.db, { userId, kind: 'sms', confirmed: false });
  if (factor === null) throw new Problem('factor_not_found');
  return completeEnrolment(deps, principal, {
    id: factor.id,
    kind: 'sms',
    prove: async () => ((await answerNewest(deps, 'sms-enrol', factor, { userId, code })) ? true : null),
  });
}

/**
 * Texts a login code to the confirmed phone. Refuses with `factor_not_found`, with `rate_limited` for a third code
 * within a minute, and with `sms_budget_spent`.
 */
export async function textLoginCode(deps: Deps, asker: Asker & Occasion): Promise<void> {
  requireSms(deps);
  const { userId } = asker;
  const refusal = await deps.db.transaction(async tx => {
    const factor = await selectFactor(tx, { userId, kind: 'sms', confirmed: true });
    if (factor === null || factor.phone_number === null) return new Problem('factor_not_found');
    const to = { purpose: 'sms-login', userId, number: factor.phone_number } as const;
    const refused = await refuseCode(deps, tx, to);
    if (refused === null) await sendCode(deps, tx, asker, to);
    return refused;
  });
  if (refusal !== null) throw refusal;
}

/** What a texted code is for: a login that waits for its second factor, or a session that is to be proven again. */
export type Occasion = { readonly loginId: string } | { readonly sessionId: string };

/**
 * The phone that is set up now, if the code is the newest that was texted, to it, and for this occasion: a code for one login
 * is of no use to another (ASVS 6.6.2). A login's code proves a session too, since the API texts codes for logins alone. Null
 * for all but one of N callers at once.
 */
export async function spendSmsCode(
  deps: Deps,
  { userId, ...occasion }: { readonly userId: string } & Occasion,
  code: string,
): Promise<{ factorId: string } | null> {
  const factor = await selectFactor(deps.db, { userId, kind: 'sms', confirmed: true });
  if (factor === null) return null;
  const right = await answerNewest(deps, 'sms-login', factor, { userId, code }, ({ loginId, sessionId }) =>
    'loginId' in occasion
      ? loginId === occasion.loginId
      : sessionId === undefined || sessionId === occasion.sessionId,
  );
  return right ? { factorId: factor.id } : null;
}

// A code proves the phone that it was texted to, and no other: its owner may have removed a lost one since.
async function answerNewest(
  deps: Deps,
  purpose: Destination['purpose'],
  factor: Pick<FactorRow, 'phone_number'>,
  { userId, code }: { readonly userId: string; readonly code: string },
  isMeant: (data: Challenge['data']) => boolean = () => true,
): Promise<boolean> {
  const newest = await newestChallenge(deps, deps.db, { purpose, userId });
  if (newest === null || newest.sentTo !== factor.phone_number || !isMeant(newest.data)) return false;
  const answer = await answerCode(deps, deps.db, { purpose, id: newest.id, code });
  return typeof answer === 'object';
}

/** Who asks for a code: somebody in a session, or half-way into one. */
interface Asker {
  readonly userId: string;
  readonly sessionId?: string;
  readonly loginId?: string;
  readonly caller: Caller;
}

interface Destination {
  readonly purpose: 'sms-enrol' | 'sms-login';
  readonly userId: string;
  readonly number: string;
}

async function refuseCode(
  deps: Deps,
  tx: Tx,
  { purpose, userId, number }: Destination,
): Promise<Problem | null> {
  const cooldown = await resendWait(deps, tx, { purpose, userId });
  if (cooldown > 0) return new Problem('rate_limited', { retryAfter: cooldown });
  const wait = await takeSmsBudget(deps, tx, { to: number, purpose });
  return wait > 0 ? smsBudgetSpent(wait) : null;
}

async function sendCode(
  deps: Deps,
  tx: Tx,
  { sessionId, loginId, caller }: Asker,
  { purpose, userId, number }: Destination,
): Promise<void> {
  // Only the newest code counts; once the clock was set back, an earlier code could seem the newest.
  await voidChallenges(deps, tx, { userId, purposes: [purpose] });
  const { code, expiresAt } = await issueCode(deps, tx, {
    purpose,
    userId,
    sentTo: number,
    data: { sessionId, loginId },
    lifetime: CODE_LIFETIME,
  });
  await enqueueSms(deps, tx, {
    template: purpose,
    to: number,
    userId,
    params: {},
    secrets: { code },
    expiresAt,
  });
  await recordEvent(deps, tx, {
    type: 'mfa.code_sent',
    outcome: 'success',
    reason: purpose,
    actor: { kind: 'user', id: userId },
    userId,
    sessionId: sessionId ?? null,
    caller,
  });
}
