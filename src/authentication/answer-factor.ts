import { useRecoveryCode } from '../mfa/recovery-codes.ts';
import { type Occasion, spendSmsCode } from '../mfa/sms.ts';
import { spendTotp } from '../mfa/totp.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';

export type AnsweredFactor = 'totp' | 'sms' | 'recovery_code';

/** What a factor adds to `amr` (RFC 8176; `recovery` is ours). */
export const FACTOR_AMR: Readonly<Record<AnsweredFactor, string>> = {
  totp: 'otp',
  sms: 'sms',
  recovery_code: 'recovery',
};

/**
 * Null unless the code proves the user's factor now; else the factor, except with a recovery code. Each code is good once, for
 * one of N callers at once.
 */
export async function answerFactor(
  deps: Deps,
  who: { readonly userId: string; readonly caller: Caller } & Occasion,
  factor: AnsweredFactor,
  code: string,
): Promise<{ factorId?: string } | null> {
  switch (factor) {
    case 'totp':
      return spendTotp(deps, deps.db, who.userId, code);
    case 'sms':
      return spendSmsCode(deps, who, code);
    case 'recovery_code':
      return (await useRecoveryCode(deps, who, code)) ? {} : null;
  }
}
