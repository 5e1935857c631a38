import { clearPendingEmail } from '../accounts/address.ts';
import type { Purpose } from '../challenges/challenge.ts';
import { voidChallenges } from '../challenges/consume.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';

// Ways in, or half-way in, that somebody else may hold: they end with the old password. Links that undo a change stay.
const WAYS_IN: readonly Purpose[] = [
  'reset-password',
  'remove-password',
  'mfa',
  'sms-login',
  'sign-in',
  'oauth-code',
  'change-email',
];

/**
 * Voids what may open an account whose password was replaced or removed, and calls off a pending change of address.
 * `except` names what its owner keeps.
 */
export async function voidWaysIn(
  deps: Deps,
  tx: Tx,
  userId: string,
  { except }: { readonly except?: Purpose } = {},
): Promise<void> {
  await voidChallenges(deps, tx, { userId, purposes: WAYS_IN.filter(purpose => purpose !== except) });
  await clearPendingEmail(deps, tx, userId);
}
