import type { Config } from '../platform/config.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { lockBudgets, takeFromBudgets } from './budget-queries.ts';
import type { TextTemplate } from './messages.ts';

/**
 * Messages per window in seconds. RATE_LIMIT replaces a budget by its name; RATE_LIMIT=off lifts them all. Codes that set up a
 * phone draw on budgets of their own: anybody can make an account and name any number, and must not use up the budget with
 * which the owners of phones log in.
 */
const SMS_BUDGETS = {
  /** To one number; login codes and codes that set up a phone are counted separately. */
  sms_number: { points: 6, seconds: 3600 },
  /** To the block of 10,000 numbers that contains it, also counted separately: premium-rate fraud walks through a block. */
  sms_prefix: { points: 30, seconds: 3600 },
  /** Login codes by the whole service. */
  sms_total: { points: 600, seconds: 3600 },
  /** Codes that set up a phone, by the whole service. */
  sms_enrolment: { points: 300, seconds: 3600 },
} as const;

/**
 * Returns the number in E.164 if text messages may be sent to it. Refuses with `phone_not_allowed` what is not a number,
 * numbers that cost the caller extra, and numbers outside SMS_COUNTRIES. Runs before the transaction.
 */
export async function assertPhoneAllowed(
  { config }: Pick<Deps, 'config'>,
  phoneNumber: string,
): Promise<string> {
  // Loaded on first use: its tables are large, and most services send no text messages.
  const { parsePhoneNumberFromString } = await import('libphonenumber-js/max');
  const parsed = parsePhoneNumberFromString(phoneNumber);
  if (parsed === undefined || !parsed.isPossible() || !phoneNumber.startsWith('+'))
    throw new Problem('phone_not_allowed');
  if (COSTLY.has(parsed.getType() ?? '')) throw new Problem('phone_not_allowed');
  const { countries } = config.sms;
  const allowed =
    countries === null ||
    countries.some(code => code === parsed.country || code === parsed.countryCallingCode);
  if (!allowed) throw new Problem('phone_not_allowed');
  return parsed.number;
}

/**
 * Takes one text message to this number from all budgets of its purpose, or from none. Returns 0 if it was taken, else the
 * seconds to wait: it does not throw, so that what the transaction counted stays, and the caller then throws
 * `smsBudgetSpent(wait)`. Of N concurrent calls, no more pass than a budget holds.
 */
export async function takeSmsBudget(
  { clock, config, secrets }: Pick<Deps, 'clock' | 'config' | 'secrets'>,
  tx: Tx,
  { to, purpose }: { to: string; purpose: TextTemplate },
): Promise<number> {
  if (config.rateLimit === 'off') return 0;
  const keyOf = (text: string) => secrets.mac('lockout', `sms\0${purpose}\0${text}`);
  const total = purpose === 'sms-login' ? 'sms_total' : 'sms_enrolment';
  const budgets = [
    { key: keyOf(`number\0${to}`), ...budgetOf(config, 'sms_number') },
    { key: keyOf(`prefix\0${to.slice(0, -4)}`), ...budgetOf(config, 'sms_prefix') },
    { key: keyOf('total'), ...budgetOf(config, total) },
  ];
  await lockBudgets(tx);
  const { taken, wait } = await takeFromBudgets(tx, { budgets, now: clock.now() });
  return taken ? 0 : Math.max(1, wait);
}

/** `sms_budget_spent`, with the seconds until another try. */
export function smsBudgetSpent(wait: number): Problem {
  return new Problem('sms_budget_spent', { retryAfter: wait });
}

const COSTLY = new Set<string>(['PREMIUM_RATE', 'SHARED_COST', 'PAGER', 'VOICEMAIL', 'UAN']);

function budgetOf(
  { rateLimit }: Config,
  name: keyof typeof SMS_BUDGETS,
): { points: number; seconds: number } {
  return { ...SMS_BUDGETS[name], ...(typeof rateLimit === 'object' && rateLimit[name]) };
}
