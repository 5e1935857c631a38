import { Problem } from './problems.ts';

/** Why the program cannot start, for the person who starts it: the message says what to do, and no stack is shown. */
export class StartError extends Error {
  readonly expected = true;
}

/** True for a fault that a person can mend, whose message says how; false for a defect, whose stack matters. */
export function isExpected(error: unknown): error is Error {
  return error instanceof Error && (error as { expected?: boolean }).expected === true;
}

/** What the person at the terminal is told about the error that ended the program. */
export function lastWords(error: unknown): string {
  if (isExpected(error)) return error.message;
  // A Problem is no defect either: while a program starts, it is most often a database that went away.
  if (error instanceof Problem) return wordsOf(error);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What an operator is told of an error: its message, and of a Problem, whose message is for clients, also its cause. */
export function wordsOf(error: unknown): string {
  if (error instanceof Problem)
    return [error.message, (error.cause as Error | undefined)?.message].join(' ').trim();
  return error instanceof Error ? error.message : String(error);
}
