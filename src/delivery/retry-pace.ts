import type { Deps } from '../platform/deps.ts';
import { sql } from '../platform/sql.ts';

const FIRST_SECONDS = 15;
const LAST_SECONDS = 15 * 60;

/**
 * Seconds until the next try of a message that was tried this often: doubling, up to a quarter of an hour, and up to a quarter
 * more or less, so that messages that failed together are not retried together.
 */
export function retrySeconds({ random }: Pick<Deps, 'random'>, attempts: number): number {
  const base = Math.min(LAST_SECONDS, FIRST_SECONDS * 2 ** Math.min(attempts - 1, 20));
  return Math.round(base * (0.75 + random.bytes(1).readUInt8() / 510));
}

/** The longest that this makes a message of the outbox wait, an interval: whatever waits for longer was asked to (`Retry-After`). */
export const longestRetry = sql`least(${LAST_SECONDS}::int, ${FIRST_SECONDS}::int * 2 ^ least(attempts - 1, 20)) * interval '1.25 s'`;
