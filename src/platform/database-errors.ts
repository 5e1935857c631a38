import pg from 'pg';
import { READ_ONLY } from './migrations/read-only.ts';
import { Problem } from './problems.ts';

/**
 * True for an error that leaves the connection as good as it was, because the statement's values caused it: data exceptions,
 * constraints, conflicts with others (classes 22, 23 and 40), a lock that was not waited for (55P03). After any other error the
 * connection is replaced, as where a migration has changed what a prepared statement returns, or a pooler has forgotten it.
 */
export const isRefusal = (error: Error) =>
  error instanceof pg.DatabaseError && /^(22|23|40|55P03)/.test(error.code ?? '');

/**
 * True where another transaction was in the way, so that a second try meets what that one left: a deadlock, a serialization
 * failure, or the removal of the account that was written about.
 */
export const isConflict = (error: unknown) =>
  isRemovedMeanwhile(error) ||
  (error instanceof pg.DatabaseError && (error.code === '40P01' || error.code === '40001'));

/**
 * True for a statement that was not run, where a new connection can run it: a migration has changed what it returns since it was
 * prepared, or the server had just ended the connection, as by idle_session_timeout.
 */
export function isOutdated(error: unknown): boolean {
  if (error instanceof Problem) return isOutdated(error.cause);
  if (error instanceof pg.DatabaseError)
    return error.code === '57P05' || (error.code === '0A000' && error.routine === 'RevalidateCachedQuery');
  // Over a Unix socket, writing fails before what the server said last is read. Whatever came through had no Sync at its end.
  return (error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
}

/**
 * True for a conflict that outlasts a second try, and for a lock that is waited for no longer (the role's lock_timeout): a later
 * try may succeed.
 */
export const isInTheWay = (error: unknown) =>
  isConflict(error) || (error instanceof pg.DatabaseError && error.code === '55P03');

/** True for a row about an account that was removed after it was read: every column that names an account has the same name. */
export const isRemovedMeanwhile = (error: unknown) =>
  error instanceof pg.DatabaseError &&
  error.code === '23503' &&
  (error.constraint ?? '').endsWith('_user_id_fkey');

/** True where the role lacks a right (SQLSTATE 42501). */
export const isForbidden = (error: unknown): error is Error =>
  error instanceof pg.DatabaseError && error.code === '42501';

/** True where a table is not there (SQLSTATE 42P01). */
export const isUndefinedTable = (error: unknown) =>
  error instanceof pg.DatabaseError && error.code === '42P01';

/** True for a violation of the named unique constraint (SQLSTATE 23505). */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505' && error.constraint === constraint;
}

// SQLSTATE classes and codes that say "not now" rather than "never": connection exceptions (08), insufficient resources (53),
// operator intervention (57, which includes a statement that took too long), read-only transaction (25006).
const UNAVAILABLE = /^(08|53|57|25006)/;

/** The errors of a socket whose server or network is away; a retry may find it. */
export const AWAY: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);
// A start does not wait for a socket that this user may not open; where one was open before, EACCES means that it is lost.
const SOCKET_ERRORS = new Set([...AWAY, 'EACCES']);
const LOST =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Cannot use a pool after/;

/** True where the server did not say what became of a statement: its connection ended, or nothing came for too long. */
export const isLostAnswer = (error: Error) =>
  !(error instanceof pg.DatabaseError) || /^(08|57P)/.test(error.code ?? '');

/**
 * The refusal for a connection that could not be had. Whatever the server says instead (no such role or database, a wrong
 * password, connections not accepted) is about its own state and not a statement's fault, so its code is not looked at: 55000
 * means `database_unavailable` here, and a defect where a statement gets it.
 */
export function asUnreachable(error: Error): Problem {
  return new Problem('database_unavailable', { cause: advised(error) });
}

/** True when the database cannot be reached or cannot serve now, and a retry may succeed. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof Problem) return error.code === 'database_unavailable';
  const code = (error as { code?: unknown }).code;
  if (
    typeof code === 'string' &&
    (SOCKET_ERRORS.has(code) || (error instanceof pg.DatabaseError && UNAVAILABLE.test(code)))
  )
    return true;
  return LOST.test(error.message);
}

// A prepared statement is missing (26000), or one exists that was not prepared here (42P05): the server connection was switched.
const MIXED_UP = 'A pooler before the database does not keep prepared statements: set DB_PREPARE=off';
/** What to do about a server, a database or a role that lets no further connection in (53300). */
export const NO_CONNECTION_LEFT =
  'Allow more connections there (max_connections, or the connection limit of the role or the database), or lower ' +
  'DB_POOL_MAX of each process';
/** By SQLSTATE, what somebody must do before the failure ends. */
const ADVICE: Readonly<Record<string, string>> = {
  '25006': READ_ONLY,
  '26000': MIXED_UP,
  '42P05': MIXED_UP,
  '53300': NO_CONNECTION_LEFT,
};

// The error with what somebody must do about it, or as it is.
function advised(error: Error): Error {
  const advice = error instanceof pg.DatabaseError ? ADVICE[error.code ?? ''] : undefined;
  return advice === undefined ? error : new Error(`${error.message}. ${advice}`, { cause: error });
}

/** Throws the error that a statement failed with, as `database_unavailable` where another try may succeed. */
export function asUnavailable(error: unknown): never {
  if (error instanceof Problem) throw error;
  const cause = error instanceof Error ? advised(error) : error;
  if (cause !== error) throw new Problem('database_unavailable', { cause });
  if (isUnavailable(error)) throw new Problem('database_unavailable', { cause: error });
  // The stack of a server's error leads to a socket; this one leads to the caller.
  if (error instanceof pg.DatabaseError) Error.captureStackTrace(error);
  throw error;
}
