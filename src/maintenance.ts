import { sweepChallenges } from './challenges/sweep.ts';
import { sweepOutbox } from './delivery/outbox.ts';
import { carryOutDueRemovals } from './mfa/removal.ts';
import { addSeconds } from './platform/clock.ts';
import type { Deps } from './platform/deps.ts';
import { sweepEndedSessions } from './sessions/sweep.ts';
import { sweepThrottle } from './throttle/sweep.ts';

const EVERY_MS = 60_000;
const BATCH = 500;
// An ended session goes on answering `token_revoked` for as long as its last access token could have lived.
const KEEP_SECONDS = 86_400;

/** Removes what can answer nobody any more, a bounded number of rows a minute, on every replica (SKIP LOCKED). */
export function startMaintenance(deps: Deps): { stop(): Promise<void> } {
  const { db, clock, log } = deps;
  let running = Promise.resolve();
  const sweep = async () => {
    const before = addSeconds(clock.now(), -KEEP_SECONDS);
    try {
      await sweepChallenges(deps, { limit: BATCH });
      await carryOutDueRemovals(deps, { limit: BATCH });
      await sweepOutbox(deps, { limit: BATCH });
      await sweepEndedSessions(db, before, BATCH);
      await sweepThrottle(db, before, BATCH);
    } catch (error) {
      log.warn({ err: error }, 'maintenance failed; it is tried again in a minute');
    }
  };
  const timer = setInterval(() => {
    running = running.then(sweep);
  }, EVERY_MS);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
