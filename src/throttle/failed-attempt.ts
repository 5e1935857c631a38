import { type AuditEvent, recordEvent } from '../audit/record.ts';
import { enqueueMail } from '../delivery/enqueue.ts';
import type { Deps } from '../platform/deps.ts';
import { type Attempt, lockStands, markLockNotified } from './lockout.ts';

export interface FailedAttempt extends Pick<Attempt, 'subject' | 'lockedUntil'> {
  /** The address at which the account's owner is told; null where there is no account. */
  readonly email: string | null;
}

/**
 * Records a wrong secret. If it took the last attempt, the trail also records the lock, and the owner gets a mail (once,
 * until a day without failure has passed), unless attempts that were given back meanwhile have ended the lock.
 */
export async function recordFailedAttempt(
  deps: Deps,
  failure: AuditEvent,
  { subject, lockedUntil, email }: FailedAttempt,
): Promise<void> {
  if (lockedUntil === null) return recordEvent(deps, deps.db, failure);
  await deps.db.transaction(async tx => {
    await recordEvent(deps, tx, failure);
    if (!(await lockStands(tx, { subject, until: lockedUntil }))) return;
    const until = lockedUntil.toISOString();
    await recordEvent(deps, tx, {
      ...failure,
      type: 'lockout.started',
      outcome: 'refusal',
      data: { until },
    });
    const first = await markLockNotified(deps, tx, subject);
    if (email === null || !first) return;
    await enqueueMail(deps, tx, {
      template: 'account-locked',
      to: email,
      userId: failure.userId ?? null,
      params: { until, ip: failure.caller?.ip, at: deps.clock.now().toISOString() },
    });
  });
}
