import type { Revocation } from '../platform/cache.ts';
import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { findLiveRevocations } from './queries.ts';

/** Every revocation that could still stop a token, to restore the copy in Redis after a flush or an outage. */
export function liveRevocations({
  db,
  clock,
  config,
}: Pick<Deps, 'db' | 'clock' | 'config'>): Promise<Revocation[]> {
  const now = clock.now();
  const lifetime = config.tokens.accessLifetime;
  return findLiveRevocations(db, { now, since: addSeconds(now, -lifetime), lifetime });
}
