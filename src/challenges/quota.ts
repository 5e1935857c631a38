import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import type { Purpose } from './challenge.ts';
import { countSince, lockPurpose, tryPurpose } from './queries.ts';

const HOUR = 3600;

interface Quota {
  readonly purpose: Purpose;
  /** Null if no account has the address: the same statements run then. */
  readonly userId: string | null;
  readonly address: string;
  readonly limit: number;
  /** Count only secrets whose data contain this. */
  readonly data?: Readonly<Record<string, unknown>>;
  /**
   * What to do while another request is about to send one: `wait` for it, or `pass`, which refuses at once. A stranger's
   * request passes, because a queue behind an existing account would tell that it exists.
   */
  readonly busy: 'wait' | 'pass';
}

/**
 * Whether another secret of this purpose may be sent to somebody: fewer than `limit` were in the last hour. This holds until
 * the transaction ends, so of several at once each counts those before it. Always true with RATE_LIMIT=off.
 */
export async function withinQuota(
  { clock, config }: Pick<Deps, 'clock' | 'config'>,
  tx: Tx,
  { purpose, userId, address, limit, data = {}, busy }: Quota,
): Promise<boolean> {
  if (config.rateLimit === 'off') return true;
  const whose = userId ?? address;
  if (busy === 'wait') await lockPurpose(tx, purpose, whose);
  else if (!(await tryPurpose(tx, purpose, whose))) return false;
  const now = clock.now();
  return (await countSince(tx, { purpose, userId, data, since: addSeconds(now, -HOUR), now })) < limit;
}
