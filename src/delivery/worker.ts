import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { type Channel, openChannels } from './channels.ts';
import { deliver, LEASE_SECONDS } from './deliver.ts';
import { claimDue, hasten } from './queries.ts';
import { SMTP_CONNECTIONS } from './smtp.ts';
import { onWake } from './wake.ts';

export interface Delivery {
  /** Looks for work now. */
  wake(): void;
  /** Claims nothing more, waits for the sends under way, closes the connections. */
  stop(): Promise<void>;
}

const POLL_SECONDS = 5;
// Enqueuing wakes before its commit, so the worker looks a moment later, and once more for a slow one.
const WAKE_DELAYS_MS = [30, 300];
const FIRST_PAUSE_SECONDS = 5;
const LAST_PAUSE_SECONDS = 60;

/**
 * Empties the outbox: claims by lease, sends, holds nothing open in the database meanwhile. Any number of replicas may
 * run it; each message is claimed by one. A server that is down pauses its channel instead of costing every message a
 * try. Throws when SMTP_URL cannot be understood.
 */
export function startDelivery(deps: Deps, { pollSeconds = POLL_SECONDS } = {}): Delivery {
  const { db, clock, log } = deps;
  const channels = new Map(openChannels(deps.config).map(channel => [channel.name, channel]));
  const pauses = new Map<Channel, { failures: number; until: Date }>();
  const sending = new Set<Promise<void>>();
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;
  let pumping: Promise<void> | null = null;
  let pumpAgain = false;

  async function pump(): Promise<void> {
    if (pumping !== null) {
      pumpAgain = true;
      return pumping;
    }
    pumping = (async () => {
      do {
        pumpAgain = false;
        await claim();
      } while (pumpAgain && !stopped);
    })();
    try {
      await pumping;
    } catch (error) {
      log.warn({ err: error }, 'the outbox could not be read; trying again shortly');
    } finally {
      pumping = null;
    }
  }

  async function claim(): Promise<void> {
    const now = clock.now();
    const open = [...channels.values()].filter(channel => (pauses.get(channel)?.until ?? now) <= now);
    const limit = SMTP_CONNECTIONS - sending.size;
    if (stopped || open.length === 0 || limit <= 0) return;
    const claimedUntil = addSeconds(now, LEASE_SECONDS);
    const names = open.map(channel => channel.name);
    for (const claimed of await claimDue(db, { channels: names, limit, now, claimedUntil })) {
      const channel = channels.get(claimed.channel) as Channel;
      const work = deliver(deps, channel, claimed)
        .then(outcome => settle(channel, outcome))
        .finally(() => {
          sending.delete(work);
          if (!stopped) void pump();
        });
      sending.add(work);
    }
  }

  async function settle(channel: Channel, outcome: Awaited<ReturnType<typeof deliver>>): Promise<void> {
    const now = clock.now();
    const pause = pauses.get(channel);
    if (outcome === 'outage' && (pause === undefined || pause.until <= now)) {
      const failures = (pause?.failures ?? 0) + 1;
      const seconds = Math.min(LAST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (failures - 1));
      pauses.set(channel, { failures, until: addSeconds(now, seconds) });
    } else if (outcome === 'sent' && pause !== undefined) {
      pauses.delete(channel);
      await hasten(db, channel.name, now).catch(() => {});
    }
  }

  function wake(): void {
    if (stopped || timers.size > 0) return;
    for (const delay of WAKE_DELAYS_MS) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        void pump();
      }, delay);
      timers.add(timer.unref());
    }
  }

  const forget = onWake(db, wake);
  const poll = setInterval(() => void pump(), pollSeconds * 1000).unref();
  void pump();

  return {
    wake: () => void pump(),
    async stop() {
      stopped = true;
      forget();
      clearInterval(poll);
      for (const timer of timers) clearTimeout(timer);
      await pumping?.catch(() => {});
      await Promise.all(sending);
      for (const channel of channels.values()) channel.close();
    },
  };
}
