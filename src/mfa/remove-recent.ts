import { recordEvent } from '../audit/record.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { deletePasskeysSince } from './passkey-queries.ts';

export interface TakenBack {
  readonly userId: string;
  /** What was added after this time, a passkey or an identity, is removed. */
  readonly since: Date;
  /** How its owner took the account back: `notice_disowned`, … */
  readonly reason: string;
  readonly caller: Caller;
}

/** Removes the passkeys that were added since a time, in the transaction in which their account is taken back. */
export async function removeRecentPasskeys(
  deps: Deps,
  tx: Tx,
  { userId, since, reason, caller }: TakenBack,
): Promise<void> {
  for (const passkey of await deletePasskeysSince(tx, { userId, since })) {
    await recordEvent(deps, tx, {
      type: 'passkey.removed',
      outcome: 'success',
      reason,
      actor: { kind: 'user', id: userId },
      userId,
      caller,
      data: { passkey },
    });
  }
}
