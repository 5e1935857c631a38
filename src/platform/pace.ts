import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds that hide how much more a known address costs than an unknown one: a few statements and one commit. */
export const HIDDEN_MS = 30;

/**
 * Runs `work` and answers, or refuses, no sooner than `milliseconds` after it began: outcomes whose work differs by less
 * cannot be told apart by their time.
 */
export async function noSoonerThan<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  const [outcome] = await Promise.allSettled([work(), sleep(milliseconds)]);
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}
