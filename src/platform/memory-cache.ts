import type { Cache } from './cache.ts';
import type { Clock } from './clock.ts';
import { openCounters } from './counters.ts';
import { openListeners } from './listeners.ts';
import type { Log } from './log.ts';

/** The cache of a single process, where no Redis is set: counters and channels in memory, no copy of the revocations. */
export function openMemoryCache({ clock, log }: { clock: Clock; log: Log }): Cache {
  const listeners = openListeners(err => log.error({ err }, 'a listener failed'));
  let closed = false;
  return {
    publishRevocation: async () => {},
    refillFrom: () => {},
    doubtRevocations: () => {},
    hit: openCounters(clock),
    async broadcast(channel, message) {
      // Listeners are never told before the caller goes on, as with a server.
      await Promise.resolve();
      if (!closed) listeners.tell(channel, message);
    },
    subscribe: (channel, listener) => listeners.add(channel, listener),
    status: () => 'memory',
    async close() {
      closed = true;
    },
  };
}
