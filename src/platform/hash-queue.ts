import { Problem } from './problems.ts';

/** Runs expensive jobs, at most `slots` at once and first come first served, and refuses what would wait too long. */
export interface HashQueue {
  /**
   * Runs `job` when a slot is free. Refuses with `overloaded` when `waitingMax` others wait already. A job whose `signal`
   * aborts while it waits is dropped and rejects with the signal's reason; one that runs is never stopped.
   */
  run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /**
   * Runs work that will need a slot, and refuses with `overloaded`, before anything is done, when the places are promised
   * already: many callers at once would otherwise all prepare for a queue that has room for few of them.
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
  next: Waiting | null;
  dropped: boolean;
}

const RETRY_AFTER_MAX_SECONDS = 60;
// How much the last job weighs in the moving average of durations that Retry-After is made from.
const WEIGHT = 0.2;

/** An empty queue. `slots` is best the number of cores: more in flight only slows each, and delays the whole thread pool. */
export function openHashQueue(slots: number, waitingMax: number): HashQueue {
  let running = 0;
  let waiting = 0;
  let head: Waiting | null = null;
  let tail: Waiting | null = null;
  let averageMs = 100;
  let admitted = 0;
  let dropped = 0;

  const overloaded = () => {
    const seconds = Math.ceil((averageMs * waiting) / slots / 1000);
    return new Problem('overloaded', {
      retryAfter: Math.min(Math.max(seconds, 1), RETRY_AFTER_MAX_SECONDS),
    });
  };

  const release = () => {
    running--;
    while (head !== null) {
      const next: Waiting = head;
      head = next.next;
      if (head === null) tail = null;
      if (next.dropped) continue;
      waiting--;
      running++;
      next.start();
      return;
    }
  };

  const enter = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        entry.dropped = true;
        waiting--;
        dropped++;
        reject(signal?.reason);
      };
      const entry: Waiting = {
        next: null,
        dropped: false,
        start() {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      if (tail === null) head = entry;
      else tail.next = entry;
      tail = entry;
      waiting++;
      signal?.addEventListener('abort', onAbort, { once: true });
    });

  return {
    async run(job, signal) {
      if (signal?.aborted === true) {
        dropped++;
        throw signal.reason;
      }
      if (running < slots) running++;
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
      if (waiting >= waitingMax || admitted >= slots + waitingMax) throw overloaded();
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
