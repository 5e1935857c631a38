import type { Caller } from '../platform/caller.ts';
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
  { password, owner, caller }: { password: string; owner: Owner; caller?: Caller },
): Promise<PasswordReport> {
  const issues = await checkPolicy(deps, { password, owner, ...(caller && { caller }) });
  return { acceptable: issues.length === 0, issues, ...(await strengthOf(password, owner)) };
}
