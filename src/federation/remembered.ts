import type { Clock } from '../platform/clock.ts';

/** What was fetched from a provider and is kept for a while. */
export interface Remembered<T> {
  /** The kept value while it is fresh; then a newly fetched one, or still the kept one where fetching fails. */
  current(): Promise<T>;
  /**
   * The value that another fetch has given since `known`, or is about to give; else one fetched anew, or null when that
   * was tried within the last half minute.
   */
  newerThan(known: T): Promise<T> | null;
}

// An outage of the provider must not keep people out, but a key that it withdrew must not live on for ever.
const KEPT_MS = 24 * 60 * 60_000;
const COOLDOWN_MS = 30_000;

// If the clock was put back since, an earlier act lies in the future: it counts as long ago, and not as just now.
const apart = (now: number, then: number) => Math.abs(now - then);

/** Remembers what `load` gives for `freshMs`, and through an outage for a day; several callers share one fetch. */
export function remember<T>(load: () => Promise<T>, clock: Clock, freshMs: number): Remembered<T> {
  let kept: { readonly value: T; readonly at: number } | null = null;
  let fetching: Promise<T> | null = null;
  let triedAt = Number.NEGATIVE_INFINITY;

  const fetchNow = () => {
    triedAt = clock.now().getTime();
    fetching ??= load()
      .then(value => {
        kept = { value, at: clock.now().getTime() };
        return value;
      })
      .finally(() => {
        fetching = null;
      });
    return fetching;
  };
  return {
    async current() {
      const now = clock.now().getTime();
      if (kept !== null && apart(now, kept.at) < freshMs) return kept.value;
      const usable = kept !== null && apart(now, kept.at) < KEPT_MS ? kept : null;
      if (usable === null) return fetchNow();
      return apart(now, triedAt) < COOLDOWN_MS ? usable.value : fetchNow().catch(() => usable.value);
    },
    newerThan(known) {
      if (kept !== null && kept.value !== known) return Promise.resolve(kept.value);
      if (fetching !== null) return fetching;
      return apart(clock.now().getTime(), triedAt) < COOLDOWN_MS ? null : fetchNow();
    },
  };
}
