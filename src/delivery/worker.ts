import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { type Channel, openChannels } from './channels.ts';
import { deliver, LEASE_SECONDS } from './deliver.ts';
import { claimDue, hasten } from './queries.ts';
import { longestRetry } from './retry-pace.ts';
import { CONNECTIONS } from './transport.ts';
import { onWake } from './wake.ts';

export interface Delivery {
  /** Looks for work now. */
  wake(): void;
  /**
   * Claims no more messages, waits some seconds for the sends under way, then closes the connections: what is left is sent
   * later.
   */
  stop(): Promise<void>;
}

interface DeliveryPace {
  /** Between two looks at the outbox. */
  readonly pollSeconds?: number;
  /** How long a stop waits for the sends under way. */
  readonly stopMs?: number;
  /** Between two tries to write down that a message was sent. */
  readonly recordMs?: number;
}

const POLL_SECONDS = 5;
// Enqueuing wakes the worker before the commit, so it looks a moment later, and once more in case the commit is slow.
const WAKE_DELAYS_MS = [30, 300];
const FIRST_PAUSE_SECONDS = 5;
const LAST_PAUSE_SECONDS = 60;
// In a row, which takes half a minute. With fewer, while some sends fail and others succeed, each success would hasten every
// message, and one that waits for reasons of its own would use up a day of tries in minutes.
const FAILURES_OF_AN_OUTAGE = 4;
// One claim in so many begins with the mails that nobody waits for, lest a stream of the others leave them out.
const CLAIMS_FOR_OTHERS = 4;
// If the clock was put back by less than this, no message waits for long.
const STEP_BACK_SECONDS = 60;
// Together with the time that a drain gives to requests, less than the half minute after which a stopping process is usually
// killed.
const STOP_MS = 5_000;

interface Pause {
  readonly failures: number;
  readonly until: Date;
  /** The server asked for this much of it: until then, the success of a send that began before says nothing. */
  readonly askedUntil: Date;
}

/** A channel at work. Each channel has its own lane, so a mail server that hangs keeps no text message waiting. */
interface Lane {
  readonly channel: Channel;
  readonly sending: Set<Promise<void>>;
  pause: Pause | null;
  lookedAt: Date;
  claims: number;
}

/**
 * Empties the outbox: claims messages by lease and sends them, holding nothing open in the database meanwhile. Any number of
 * replicas may run it; each message is claimed by one. A server that is down pauses its channel instead of costing every
 * message a try. Throws when SMTP_URL cannot be understood.
 */
export function startDelivery(
  deps: Deps,
  { pollSeconds = POLL_SECONDS, stopMs = STOP_MS, recordMs }: DeliveryPace = {},
): Delivery {
  const { db, clock, log } = deps;
  const lanes: readonly Lane[] = openChannels(deps.config).map(channel => ({
    channel,
    sending: new Set(),
    pause: null,
    lookedAt: clock.now(),
    claims: 0,
  }));
  const timers = new Set<NodeJS.Timeout>();
  let wokenAgain = false;
  let stopped = false;
  let pumping: Promise<void> | null = null;
  let pumpAgain = false;

  function pump(): Promise<void> {
    pumpAgain = true;
    return (pumping ??= claimAll().finally(() => {
      pumping = null;
    }));
  }

  // Never throws, because each of the callers that wait for the same run would have to catch it.
  async function claimAll(): Promise<void> {
    try {
      while (pumpAgain && !stopped) {
        pumpAgain = false;
        for (const lane of lanes) await claim(lane);
      }
    } catch (error) {
      log.warn({ err: error }, 'the outbox could not be read; trying again shortly');
    }
  }

  async function claim(lane: Lane): Promise<void> {
    const now = clock.now();
    await forgetFuture(lane, now);
    const limit = CONNECTIONS - lane.sending.size;
    if (stopped || limit <= 0 || (lane.pause !== null && lane.pause.until > now)) return;
    const claimedUntil = addSeconds(now, LEASE_SECONDS);
    const channel = lane.channel.name;
    const awaited = ++lane.claims % CLAIMS_FOR_OTHERS !== 0;
    for (const claimed of await claimDue(db, { channel, awaited, limit, now, claimedUntil })) {
      const work = deliver(deps, lane.channel, claimed, recordMs)
        .then(outcome => settle(lane, outcome))
        .finally(() => {
          lane.sending.delete(work);
          if (!stopped) void pump();
        });
      lane.sending.add(work);
    }
  }

  // If the clock was put back, whatever waits for a time by the former clock would wait that much longer.
  async function forgetFuture(lane: Lane, now: Date): Promise<void> {
    if (addSeconds(now, STEP_BACK_SECONDS) < lane.lookedAt) {
      lane.pause = null;
      const hastenAll = () => hasten(db, lane.channel.name, clock.now());
      await hastenAll();
      // A send under way may still record its next try by the former clock.
      if (lane.sending.size > 0)
        void Promise.all(lane.sending)
          .then(hastenAll)
          .catch(() => {});
    }
    lane.lookedAt = now;
  }

  async function settle(lane: Lane, outcome: Awaited<ReturnType<typeof deliver>>): Promise<void> {
    const now = clock.now();
    if (typeof outcome === 'object') {
      const asked = addSeconds(now, outcome.askedSeconds);
      if (lane.pause === null || lane.pause.until <= now) {
        const failures = (lane.pause?.failures ?? 0) + 1;
        const seconds = Math.min(LAST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (failures - 1));
        lane.pause = { failures, until: addSeconds(now, seconds), askedUntil: now };
      }
      if (lane.pause.askedUntil < asked) lane.pause = { ...lane.pause, askedUntil: asked };
      if (lane.pause.until < asked) lane.pause = { ...lane.pause, until: asked };
    } else if (outcome === 'sent' && lane.pause !== null && lane.pause.askedUntil <= now) {
      const { failures } = lane.pause;
      lane.pause = null;
      // What waits for longer than that was not made to by the outage: the provider asked for it.
      if (failures >= FAILURES_OF_AN_OUTAGE)
        await hasten(db, lane.channel.name, now, longestRetry).catch(() => {});
    }
  }

  function wake(): void {
    if (stopped) return;
    wokenAgain = timers.size > 0;
    if (wokenAgain) return;
    for (const delay of WAKE_DELAYS_MS) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        void pump();
        // Whoever called `wake` meanwhile may commit only after the last of these looks.
        if (wokenAgain && timers.size === 0) wake();
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
      await pumping;
      const close = () => {
        for (const { channel } of lanes) channel.close();
      };
      const patience = setTimeout(close, stopMs);
      await Promise.all(lanes.flatMap(({ sending }) => [...sending]));
      clearTimeout(patience);
      close();
    },
  };
}
