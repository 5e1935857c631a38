import { Problem } from './problems.ts';

/**
 * Runs expensive jobs, a bounded number at once and first come first served, and refuses what would wait too long. Where callers
 * go away while they wait, every other slot goes to whoever came last.
 */
export interface HashQueue {
  /**
   * Runs `job` when a slot is free. Refuses with `overloaded` when `waitingMax` others wait already. A job whose `signal`
   * aborts while it waits is dropped and rejects with the signal's reason; one that runs is never stopped.
   */
  run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /**
   * Runs work that will need a slot. Refuses with `overloaded`, before anything is done, when all places are promised already:
   * otherwise many callers at once would prepare for a queue that has room for few of them.
   */
  admit<T>(work: () => Promise<T>): Promise<T>;
  stats(): QueueStats;
}

export interface QueueStats {
  readonly running: number;
  readonly waiting: number;
  /** Jobs that were not begun because their caller had gone, since the start. */
  readonly dropped: number;
}

interface Waiting {
  start(): void;
  older: Waiting | null;
  newer: Waiting | null;
}

const RETRY_AFTER_MAX_SECONDS = 60;
// How much the last job weighs in the moving average of durations that Retry-After is made from.
const WEIGHT = 0.2;

/**
 * Opens an empty queue. While jobs take less than `aheadBelowMs` on average, one more than `slots` is begun, which the thread
 * pool keeps until a thread is free: otherwise jobs that short would leave a core idle until the event loop gives it the next.
 */
export function openHashQueue(slots: number, waitingMax: number, aheadBelowMs = 0): HashQueue {
  let running = 0;
  let waiting = 0;
  let oldest: Waiting | null = null;
  let newest: Waiting | null = null;
  let impatience = false;
  let tookNewest = false;
  let averageMs = 100;
  let admitted = 0;
  let dropped = 0;

  const limit = () => (averageMs < aheadBelowMs ? slots + 1 : slots);

  const overloaded = () => {
    const seconds = Math.ceil((averageMs * waiting) / limit() / 1000);
    return new Problem('overloaded', {
      retryAfter: Math.min(Math.max(seconds, 1), RETRY_AFTER_MAX_SECONDS),
    });
  };

  const append = (entry: Waiting) => {
    entry.older = newest;
    if (newest === null) oldest = entry;
    else newest.newer = entry;
    newest = entry;
    waiting++;
  };

  const remove = ({ older, newer }: Waiting) => {
    if (older === null) oldest = newer;
    else older.newer = newer;
    if (newer === null) newest = older;
    else newer.older = older;
    waiting--;
  };

  // Where callers go away, the one who has waited longest is the next to do so, most often while the job runs, so the newest is
  // taken. Not for every slot: those who do wait must get their turn.
  const take = () => {
    tookNewest = impatience && !tookNewest;
    if (tookNewest) impatience = false;
    return tookNewest ? newest : oldest;
  };

  const release = () => {
    running--;
    while (running < limit()) {
      const next = take();
      if (next === null) return;
      remove(next);
      running++;
      next.start();
    }
  };

  const enter = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        remove(entry);
        dropped++;
        impatience = true;
        reject(signal?.reason);
      };
      const entry: Waiting = {
        older: null,
        newer: null,
        start() {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      append(entry);
      signal?.addEventListener('abort', onAbort, { once: true });
    });

  return {
    async run(job, signal) {
      if (signal?.aborted === true) {
        dropped++;
        throw signal.reason;
      }
      if (running < limit()) running++;
      else if (waiting >= waitingMax) throw overloaded();
      else await enter(signal);
      const startedAt = performance.now();
      try {
        return await job();
      } finally {
        averageMs += WEIGHT * (performance.now() - startedAt - averageMs);
        release();
      }
    },
    async admit(work) {
      if (waiting >= waitingMax || admitted >= limit() + waitingMax) throw overloaded();
      admitted++;
      try {
        return await work();
      } finally {
        admitted--;
      }
    },
    stats: () => ({ running, waiting, dropped }),
  };
}
