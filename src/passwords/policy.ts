import type { Caller } from '../platform/caller.ts';
import type { Config, PasswordClass } from '../platform/config.ts';
import type { Deps } from '../platform/deps.ts';
import { isHashable } from '../platform/hasher.ts';
import { type Issue, Problem } from '../platform/problems.ts';
import { isCommonPassword } from './blocklist.ts';
import { timesBreached } from './breach.ts';
import { isMostlyOwnWords, type Owner } from './own-words.ts';

export interface Candidate {
  readonly password: string;
  readonly owner: Owner;
  /** The member of the body that holds the password, for `loc`; `password` where left out. */
  readonly member?: string;
  /** Whose request brings it; none where the operator does. */
  readonly caller?: Caller;
}

/** Whether both would be hashed as the same password: keyboards differ in how they compose accents. */
export function isSamePassword(one: string, other: string): boolean {
  return one.normalize('NFC') === other.normalize('NFC');
}

// Letters of scripts without case satisfy both `lower` and `upper`: there is no other way to type them.
const classes: Readonly<Record<PasswordClass, { pattern: RegExp; advice: string }>> = {
  lower: { pattern: /[\p{Ll}\p{Lo}]/u, advice: 'Add a lower-case letter.' },
  upper: { pattern: /[\p{Lu}\p{Lt}\p{Lo}]/u, advice: 'Add an upper-case letter.' },
  digit: { pattern: /\p{N}/u, advice: 'Add a digit.' },
  symbol: { pattern: /[^\p{L}\p{M}\p{N}]/u, advice: 'Add a symbol; a space counts.' },
  digit_or_symbol: { pattern: /[^\p{L}\p{M}]/u, advice: 'Add a digit or a symbol.' },
};

/**
 * What is wrong with a new password, as issues for a 422; empty when nothing is. Lengths count code points after NFC.
 * The breach check is asked only about a password that passes the rest, so that nothing leaves the server needlessly.
 */
export async function checkPolicy(
  deps: Pick<Deps, 'config' | 'log'>,
  candidate: Candidate,
): Promise<Issue[]> {
  const issues = await checkOffline(deps, candidate);
  if (issues.length > 0) return issues;
  const breached = await timesBreached(deps, candidate.password, candidate.caller);
  if (breached === 0) return [];
  return [
    issueAt(
      candidate,
      'password_breached',
      'This password appeared in a data breach, so attackers try it. Choose another one.',
    ),
  ];
}

/** Refuses with `validation_failed` a password that breaks the policy. */
export async function requirePolicy(deps: Pick<Deps, 'config' | 'log'>, candidate: Candidate): Promise<void> {
  const issues = await checkPolicy(deps, candidate);
  if (issues.length > 0) throw new Problem('validation_failed', { issues });
}

/**
 * Whether a password that was right at a login would be refused today, so that it can be flagged `weak`. Asks no other
 * server.
 */
export async function isWeakPassword(
  deps: Pick<Deps, 'config'>,
  password: string,
  owner: Owner,
): Promise<boolean> {
  return (await checkOffline(deps, { password, owner })).length > 0;
}

/**
 * What is wrong with a password by these settings alone, without the list of common passwords and the breach check;
 * empty when nothing is. For callers that judge before a list is loaded.
 */
export function checkSettings(
  {
    minLength,
    maxLength,
    require,
    blocklist,
  }: Pick<Config['passwords'], 'minLength' | 'maxLength' | 'require' | 'blocklist'>,
  candidate: Candidate,
): Issue[] {
  if (!isHashable(candidate.password)) {
    return [
      issueAt(
        candidate,
        'password_invalid',
        'Leave out characters that cannot be typed, and stay under 4,096 of them.',
      ),
    ];
  }
  const password = candidate.password.normalize('NFC');
  const length = Array.from(password).length;
  const issues: Issue[] = [];
  const add = (type: string, advice: string) => issues.push(issueAt(candidate, type, advice));

  if (length < minLength) add('string_too_short', `Use at least ${minLength} characters.`);
  if (length > maxLength) add('string_too_long', `Use at most ${maxLength} characters.`);
  for (const name of require) {
    if (!classes[name].pattern.test(password)) add(`password_${name}_missing`, classes[name].advice);
  }
  if (blocklist && length <= maxLength && isMostlyOwnWords(password, candidate.owner)) {
    add(
      'password_own_words',
      'This is little more than your name or address, which attackers try first. Add words that have nothing to do with you.',
    );
  }
  return issues;
}

/** As `checkPolicy`, but asks no other server. */
export async function checkOffline({ config }: Pick<Deps, 'config'>, candidate: Candidate): Promise<Issue[]> {
  const issues = checkSettings(config.passwords, candidate);
  const { password } = candidate;
  if (!config.passwords.blocklist || !isHashable(password)) return issues;
  if (!(await isCommonPassword(password.normalize('NFC')))) return issues;
  return [
    ...issues,
    issueAt(
      candidate,
      'password_too_common',
      'This is one of the most used passwords, so attackers try it first. Choose another one.',
    ),
  ];
}

function issueAt({ member = 'password' }: Candidate, type: string, msg: string): Issue {
  return { type, loc: ['body', member], msg };
}
