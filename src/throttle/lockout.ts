import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { uuidBytes } from '../platform/uuid.ts';
import { type Attempt, clearLockout, insertAttempt, returnAttempt } from './queries.ts';

export {
  type Attempt,
  attemptFragment,
  countedUnder,
  isLocked,
  lockoutsOf,
  lockStands,
  markLockNotified,
  unlockAccount,
} from './queries.ts';

/**
 * Whose failures are counted together. A known device has a lane of its own, so that strangers who fail at an account
 * do not lock its owner out; everyone else who tries this account shares one.
 */
export interface Lane {
  readonly userId: string;
  readonly deviceId?: string | null;
}

/**
 * Takes one attempt before a secret is checked, in one statement, so that N callers at once get no more guesses than
 * LOCKOUT_ATTEMPTS. Refuses with `too_many_attempts` while the lane is locked. After a success, call `forgive`.
 */
export async function takeAttempt(deps: Deps, database: Sql, lane: Lane): Promise<Attempt> {
  const subject = subjectOf(lane);
  if (deps.config.lockout.attempts === 0) return uncounted(subject);
  const attempt = await insertAttempt(deps, database, { subjects: [subject], userId: lane.userId });
  refuseLocked(deps, attempt);
  return attempt;
}

/** The same for a name that no account has, so that the answer is the same as for one that exists. */
export async function takeUnknownAttempt(deps: Deps, database: Sql, name: string): Promise<Attempt> {
  const subjects = unknownSubjects(deps, name);
  const [subject] = subjects as [Buffer];
  if (deps.config.lockout.attempts === 0) return uncounted(subject);
  const attempt = await insertAttempt(deps, database, { subjects, userId: null });
  refuseLocked(deps, attempt);
  return attempt;
}

/** Unless the attempt was granted, refuses with `too_many_attempts` and says when the lock ends. */
export function refuseLocked(
  { clock, config }: Deps,
  { allowed, lockedUntil }: Pick<Attempt, 'allowed' | 'lockedUntil'>,
): void {
  if (allowed) return;
  const seconds =
    lockedUntil === null ? config.lockout.duration : (lockedUntil.getTime() - clock.now().getTime()) / 1000;
  throw new Problem('too_many_attempts', { retryAfter: Math.max(1, Math.ceil(seconds)) });
}

/** Forgets the lane's failures after a success. */
export function forgive(database: Sql, { subject }: Pick<Attempt, 'subject'>): Promise<number> {
  return database.run(clearLockout(sql`${subject}::bytea`));
}

/** `update lockouts …`, for writing a success and what follows from it in one statement; does nothing if `source` is empty. */
export function forgiveFragment(subject: Buffer, source: Fragment): Fragment {
  return sql`${clearLockout(sql`${subject}::bytea`)} and exists (select from ${source})`;
}

/**
 * Gives one attempt back without forgetting the others: the secret was right, but the login is not complete, and whoever
 * knows a password must not be able to reset the count of wrong codes.
 */
export function giveBack(deps: Deps, database: Sql, subject: Buffer): Promise<number> {
  return returnAttempt(database, { subject, limit: deps.config.lockout.attempts });
}

/**
 * Makes a write that follows a right secret. If it fails, for instance because the database's disk is full, nobody guessed
 * wrong, so the attempt is given back, without waiting: if the database is gone, the write has waited for it already.
 */
export async function writeOrGiveBack<T>(
  deps: Deps,
  subject: Buffer | null,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    // What cannot be given back stays counted.
    if (subject !== null) giveBack(deps, deps.db, subject).catch(() => {});
    throw error;
  }
}

/**
 * Runs the check that an attempt was taken for. If it cannot be made at all - the hash queue is full, the caller went
 * away - nothing was guessed, so the attempt is given back before the error goes on. It goes only to the window that counted
 * it: attempts that wait until a window ends, and are then dropped, must not erase guesses made in the next window.
 */
export async function checkOrGiveBack<T>(
  { db, config }: Deps,
  { subject, windowStartedAt }: Pick<Attempt, 'subject' | 'windowStartedAt'>,
  check: () => Promise<T>,
): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (windowStartedAt !== null)
      await returnAttempt(db, { subject, limit: config.lockout.attempts, windowStartedAt });
    throw error;
  }
}

/**
 * The counters of a name that no account has, the present root's first. They are keyed because people type passwords into the
 * wrong field, and with the whole ring because a lock that ended when roots change would tell that no account has the name.
 */
export function unknownSubjects({ secrets }: Deps, name: string): Buffer[] {
  return secrets.macs('lockout', name);
}

function uncounted(subject: Buffer): Attempt {
  return { subject, allowed: true, lockedUntil: null, failures: 0, windowStartedAt: null };
}

function subjectOf({ userId, deviceId }: Lane): Buffer {
  return deviceId ? Buffer.concat([uuidBytes(userId), uuidBytes(deviceId)]) : uuidBytes(userId);
}
