import type { Deps } from '../platform/deps.ts';

/** Whether a password set at `setAt` must be replaced (PASSWORD_MAX_AGE_DAYS); never where that is 0. */
export function hasExpired({ config, clock }: Pick<Deps, 'config' | 'clock'>, setAt: Date | null): boolean {
  const days = config.passwords.maxAgeDays;
  if (days === 0 || setAt === null) return false;
  return clock.now().getTime() - setAt.getTime() > days * 86_400_000;
}
