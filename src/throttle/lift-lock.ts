import { type AuditEvent, recordEvent } from '../audit/record.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { isLocked, unlockAccount } from './lockout.ts';

export interface LiftedLock extends Pick<AuditEvent, 'actor' | 'caller'> {
  readonly userId: string;
  /** By what the lock ended: `password_reset`, `password_set`, or how the mailbox was proven. */
  readonly reason: string;
}

/** Forgets every failure of an account, and records it if a lock ends by that, whether of strangers or of a known device. */
export async function liftLock(deps: Deps, tx: Tx, { userId, ...lifted }: LiftedLock): Promise<void> {
  const lanes = await unlockAccount(tx, userId);
  if (!lanes.some(({ locked_until }) => isLocked(deps, locked_until))) return;
  await recordEvent(deps, tx, { ...lifted, type: 'lockout.lifted', outcome: 'success', userId });
}
