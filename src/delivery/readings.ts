import type { Deps } from '../platform/deps.ts';
import type { Readings } from '../platform/http/metrics.ts';
import { outboxStats } from './outbox.ts';

/** The outbox for the metrics: what waits, for how long, and what an operator must look at. */
export function outboxReadings(deps: Pick<Deps, 'db' | 'clock'>): Readings {
  return {
    gauges: {
      outbox_waiting: 'Messages that wait for a first or another attempt.',
      outbox_dead: 'Messages that were given up and wait for an operator.',
      outbox_oldest_seconds: 'Age of the oldest message that waits.',
    },
    async read() {
      const { waiting, dead, oldestSeconds } = await outboxStats(deps);
      return { outbox_waiting: waiting, outbox_dead: dead, outbox_oldest_seconds: oldestSeconds };
    },
  };
}
