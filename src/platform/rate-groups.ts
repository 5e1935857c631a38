/** The groups that requests are counted in. A route names its group; the limits themselves belong to throttle. */
export const RATE_GROUPS = [
  'login',
  'refresh',
  'signup',
  'check',
  'reset',
  'mail',
  'mfa',
  'profile',
  'export',
  'oauth',
  'admin',
  'general',
] as const;

export type RateGroup = (typeof RATE_GROUPS)[number];

/** The budgets of text messages, which RATE_LIMIT replaces too. */
const SMS_BUDGETS = ['sms_number', 'sms_prefix', 'sms_total', 'sms_enrolment'] as const;

/** Every name that RATE_LIMIT may hold. */
export const LIMIT_NAMES: readonly string[] = [...RATE_GROUPS, ...SMS_BUDGETS];
