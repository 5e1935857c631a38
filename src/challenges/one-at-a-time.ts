import type { Tx } from '../platform/database.ts';
import type { Purpose } from './challenge.ts';
import { lockPurpose } from './queries.ts';

/**
 * Until the transaction ends, no other caller of this sends a secret of this purpose to this address: of several at once,
 * each sees what those before it left open.
 */
export function oneAtATime(
  tx: Tx,
  { purpose, addressKey }: { purpose: Purpose; addressKey: string },
): Promise<unknown> {
  return lockPurpose(tx, purpose, addressKey);
}
