import { setImmediate } from 'node:timers/promises';
import { sweepChallenges } from './challenges/sweep.ts';
import { eraseExpiredSecrets, sweepBudgets, sweepOutbox } from './delivery/outbox.ts';
import { carryOutDueRemovals } from './mfa/removal.ts';
import { addSeconds } from './platform/clock.ts';
import { daysAhead } from './platform/clock-ahead.ts';
import type { Deps } from './platform/deps.ts';
import { sweepSessions } from './sessions/end.ts';
import { sweepDevices, sweepLockouts } from './throttle/sweep.ts';

const EVERY_MS = 60_000;
// No index finds devices that were not seen for long, because each login would write to it: the whole table is read instead.
// After 400 days, an hour more does not matter.
const DEVICES_EVERY = 60;
// Small enough that no statement holds its locks for long.
const BATCH = 500;
// What is left after half a minute waits for the next round, so that the sweep never takes more than half of one connection's
// time, however much there is.
const BUDGET_SECONDS = 30;
// An ended session goes on answering `token_revoked` for as long as its last access token could have lived.
const KEEP_SECONDS = 86_400;

/**
 * Removes what no request can need any more, once a minute, on every replica (SKIP LOCKED). Removes nothing by a clock that is
 * more than a day ahead of the database server's.
 */
export function startMaintenance(deps: Deps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let running: Promise<void> | null = null;
  let round = 0;
  const timer = setInterval(() => {
    const devices = round++ % DEVICES_EVERY === 0;
    running ??= sweepUnlessAhead(deps, stopping.signal, { devices }).finally(() => {
      running = null;
    });
  }, EVERY_MS);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await running;
    },
  };
}

// By a clock that is far ahead, everybody's sessions and devices would be old, and every removal of factors due.
async function sweepUnlessAhead(
  deps: Deps,
  signal: AbortSignal,
  options: { devices: boolean },
): Promise<void> {
  const { log } = deps;
  try {
    const days = await daysAhead(deps);
    if (days === 0) return await sweep(deps, signal, options);
    log.error(
      { days },
      "nothing is swept: the clock here is ahead of the database server's; set right whichever is wrong",
    );
  } catch (error) {
    log.warn({ err: error }, 'maintenance failed; it is tried again in a minute');
  }
}

/**
 * One round: takes batches of each table in turn, so that a large table keeps no other waiting, until no batch is full, half a
 * minute is over, or `signal` aborts. What fails is left for the next round, and does not stop the rest. Sweeps known devices
 * only with `devices`.
 */
export async function sweep(
  deps: Deps,
  signal?: AbortSignal,
  { devices = true }: { devices?: boolean } = {},
): Promise<void> {
  const { db, clock, log } = deps;
  const began = clock.now();
  const before = addSeconds(began, -KEEP_SECONDS);
  const until = addSeconds(began, BUDGET_SECONDS);
  let pending: (readonly [string, () => Promise<number>])[] = [
    ['challenges', () => sweepChallenges(deps, BATCH)],
    ['removals of factors', () => carryOutDueRemovals(deps, BATCH)],
    ['secrets of messages', () => eraseExpiredSecrets(deps, BATCH)],
    ['messages', () => sweepOutbox(deps, BATCH)],
    ['budgets', () => sweepBudgets(deps, BATCH)],
    ['sessions', () => sweepSessions(db, before, BATCH)],
    ['lockouts', () => sweepLockouts(db, began, BATCH)],
  ];
  if (devices) pending.push(['devices', () => sweepDevices(db, before, BATCH)]);
  while (pending.length > 0) {
    const full: typeof pending = [];
    for (const [what, batch] of pending) {
      if (signal?.aborted === true) return;
      try {
        if ((await batch()) >= BATCH) full.push([what, batch]);
      } catch (error) {
        const again = what === 'devices' ? 'an hour' : 'a minute';
        log.warn({ err: error, what }, `maintenance failed; it is tried again in ${again}`);
      }
      // Requests that wait for a connection or for the event loop go first.
      await setImmediate();
    }
    if (clock.now() >= until) return;
    pending = full;
  }
}
