import { clearPendingEmail } from '../accounts/mailbox.ts';
import type { Purpose } from '../challenges/challenge.ts';
import { voidChallenges } from '../challenges/consume.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';

// Ways in, or half-way in, that somebody else may hold: they end with the old password. Links that undo stay.
const WAYS_IN: readonly Purpose[] = [
  'reset-password',
  'remove-password',
  'mfa',
  'sms-login',
  'sign-in',
  'oauth-code',
  'change-email',
];

/** Voids what may open an account whose password is taken from it, and calls off a change of address that waits. */
export async function voidWaysIn(deps: Deps, tx: Tx, userId: string): Promise<void> {
  await voidChallenges(deps, tx, { userId, purposes: WAYS_IN });
  await clearPendingEmail(deps, tx, userId);
}
