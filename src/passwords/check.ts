import type { Deps } from '../platform/deps.ts';
import type { Issue } from '../platform/problems.ts';
import type { Owner } from './own-words.ts';
import { checkPolicy } from './policy.ts';
import { type Strength, strengthOf } from './strength.ts';

/** What a sign-up form shows beside its password field. */
export interface PasswordReport extends Strength {
  /** Whether the policy accepts the password, whatever its score. */
  readonly acceptable: boolean;
  readonly issues: readonly Issue[];
}

/** Judges a password before it is chosen. Costs no hash, stores nothing, and knows no account. */
export async function checkPassword(
  deps: Pick<Deps, 'config' | 'log'>,
  { password, owner }: { password: string; owner: Owner },
): Promise<PasswordReport> {
  const issues = await checkPolicy(deps, { password, owner });
  return { acceptable: issues.length === 0, issues, ...(await strengthOf(password, owner)) };
}
