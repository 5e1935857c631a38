import { Problem, type ProblemCode } from '../platform/problems.ts';
import type { Words } from './english.ts';

/** A refusal as a form shows it: what is wrong as a whole, and at which field. */
export interface Failure {
  readonly status: number;
  /** The refusal's name, for the log; none where only the page knows it. */
  readonly problem?: ProblemCode;
  /** In how many seconds to try again, where that is known. */
  readonly retryAfter?: number | undefined;
  readonly summary: string | null;
  readonly fields: Readonly<Record<string, string>>;
  /** The first field that is wrong. */
  readonly first: string | null;
}

/** What says that a browser is not, or no longer, signed in. */
export const SIGNED_OUT: ReadonlySet<string> = new Set([
  'not_authenticated',
  'invalid_token',
  'token_expired',
  'token_revoked',
  'account_disabled',
]);

// The page as a whole answers these: by asking to sign in, or to reload.
const PASSED_ON: ReadonlySet<string> = new Set([...SIGNED_OUT, 'reauthentication_required', 'form_refused']);

// Refusals that are about one field, though the API answers them as a whole.
const AT_FIELD: Readonly<Record<string, readonly string[]>> = {
  email_taken: ['email'],
  address_taken: ['email'],
  username_taken: ['username'],
  passwords_differ: ['confirm_new_password', 'confirm_password'],
  wrong_password: ['current_password'],
  invalid_mfa_code: ['code'],
  invalid_sign_in_code: ['code'],
  phone_not_allowed: ['phone_number'],
};

/** A refusal in words, and when to try again where that is known. */
export function sayProblem(words: Words, { code, message, retryAfter }: Problem): string {
  const text = words.problems[code] ?? message;
  return retryAfter === undefined ? text : `${text} ${words.error.wait(retryAfter)}`;
}

/** A refusal of a form as a whole. */
export const failureSaying = (status: number, summary: string): Failure => ({
  status,
  summary,
  fields: {},
  first: null,
});

/** What a form says about a refusal. Any other error, and a refusal that no form can mend, is thrown again. */
export function failureOf(words: Words, error: unknown, names: readonly string[] = []): Failure {
  if (!(error instanceof Problem) || PASSED_ON.has(error.code)) throw error;
  const { status, retryAfter, code, issues } = error;
  const problem = sayProblem(words, error);
  const at = AT_FIELD[code]?.find(name => names.includes(name));
  if (issues === undefined && at !== undefined)
    return { status, problem: code, retryAfter, summary: null, fields: { [at]: problem }, first: at };
  if (issues === undefined) return { ...failureSaying(status, problem), problem: code, retryAfter };

  const fields: Record<string, string> = {};
  for (const { type, loc, msg } of issues) {
    const name = String(loc.at(-1));
    const said = words.issues[type];
    const text = typeof said === 'function' ? said(Number(/\d+/.exec(msg)?.[0])) : (said ?? msg);
    fields[name] = fields[name] === undefined ? text : `${fields[name]} ${text}`;
  }
  const shown = Object.keys(fields).filter(name => names.includes(name));
  const rest = Object.keys(fields).filter(name => !names.includes(name));
  return {
    status,
    problem: code,
    summary: rest.length === 0 ? null : rest.map(name => fields[name]).join(' '),
    fields,
    first: names.find(name => shown.includes(name)) ?? null,
  };
}
