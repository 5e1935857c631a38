import type { Config } from '../../src/platform/config.ts';
import { openHashQueue } from '../../src/platform/hash-queue.ts';
import { type Hasher, openHasher } from '../../src/platform/hasher.ts';

/** A hasher of one slot, which a test holds as long as it likes. */
export interface HeldHasher {
  readonly hasher: Hasher;
  /** While `work` runs the slot is taken, and every hash waits. */
  whileBusy(work: () => Promise<void>): Promise<void>;
  /** While `work` runs the hash whose turn it is has begun, and does not end. */
  whileSlow(work: () => Promise<void>): Promise<void>;
}

export function heldHasher(settings: Config['passwords']): HeldHasher {
  const queue = openHashQueue(1, settings.queueMax);
  let gate = Promise.resolve();
  const run: typeof queue.run = (job, signal) => queue.run(() => gate.then(job), signal);
  const during = async (work: () => Promise<void>, hold: (until: Promise<void>) => Promise<void>) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = hold(promise);
    try {
      await work();
    } finally {
      resolve();
      await held;
    }
  };
  return {
    hasher: openHasher(settings, { queue: { ...queue, run } }),
    whileBusy: work => during(work, until => queue.run(() => until)),
    whileSlow: work =>
      during(work, until => {
        gate = until;
        return until;
      }),
  };
}
