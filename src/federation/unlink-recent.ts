import { recordEvent } from '../audit/record.ts';
import type { TakenBack } from '../mfa/remove-recent.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { deleteIdentitiesSince } from './queries.ts';

/** Unlinks the identities that were linked since a given time, in the transaction that takes their account back. */
export async function unlinkRecentIdentities(
  deps: Deps,
  tx: Tx,
  { userId, since, reason, caller }: TakenBack,
): Promise<void> {
  for (const provider of await deleteIdentitiesSince(tx, { userId, since })) {
    await recordEvent(deps, tx, {
      type: 'identity.unlinked',
      outcome: 'success',
      reason: provider,
      actor: { kind: 'user', id: userId },
      userId,
      caller,
      data: { cause: reason },
    });
  }
}
