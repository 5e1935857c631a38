import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** A comparison of a password with a hash. */
export interface Took {
  /** What such a hash costs. */
  readonly kind: string;
  /** How many forms of the password were tried; 0 where it could not be compared at all. */
  readonly tries: number;
  readonly milliseconds: number;
}

/**
 * How long hashes of each kind took of late, so that a refusal can take as long as with the slowest kind. The slowest hash of
 * each kind does not count, since something else may have held it up: a machine that stood still, a container without its share.
 */
export interface HashPace {
  note(took: Took): void;
  /**
   * Called after a comparison that has just ended: waits until one with the slowest kind of hash would have ended as well. Does
   * not wait where all hashes are of one kind, as they are unless the configuration was changed or accounts were imported.
   */
  evenOut(took: Took): Promise<void>;
}

const KEPT = 64;
// Timers of Node.js count whole milliseconds and come late.
const TIMER_SLACK_MS = 2;

/** A pace that knows no kind yet. */
export function openHashPace(): HashPace {
  const kinds = new Map<string, number[]>();
  return {
    note({ kind, tries, milliseconds }) {
      if (tries === 0) return;
      const durations = kinds.get(kind) ?? [];
      if (durations.push(milliseconds / tries) > KEPT) durations.shift();
      kinds.set(kind, durations);
    },
    async evenOut({ tries, milliseconds }) {
      const endedAt = performance.now();
      if (kinds.size < 2) return;
      // The slowest of all kinds, so that a real hash of that kind waits as well and ends by the same timer: a wait that imitates
      // a real hash ends some microseconds later than the hash.
      const slowest = Math.max(...[...kinds.values()].map(slowestOf));
      const left = slowest * tries - milliseconds;
      if (left > TIMER_SLACK_MS) await sleep(left - TIMER_SLACK_MS);
      while (performance.now() < endedAt + left) await nextTurn();
    },
  };
}

function slowestOf(durations: readonly number[]): number {
  const [first = 0, second = first] = durations.toSorted((a, b) => b - a);
  return second;
}
