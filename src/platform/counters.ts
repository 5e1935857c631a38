import type { Hit } from './cache.ts';
import type { Clock } from './clock.ts';

interface Window {
  count: number;
  readonly endsAt: number;
}

const MOST_KEYS = 100_000;
const SWEEP_EVERY = 1_000;
// The share of a full table that is kept. If every new key made us search the whole table, whoever has many addresses could hold
// up the event loop.
const KEPT = 0.9;

/** Counts by key in fixed windows, in this process. Holds 100,000 keys at most: past that the oldest tenth is forgotten. */
export function openCounters(clock: Clock, most = MOST_KEYS): (key: string, seconds: number) => Hit {
  const windows = new Map<string, Window>();
  let opened = 0;

  return (key, seconds) => {
    const now = clock.now().getTime();
    const window = windows.get(key);
    // A window that ends later than one opened now would was opened before the clock was set back.
    if (window !== undefined && window.endsAt > now && window.endsAt <= now + seconds * 1000) {
      window.count += 1;
      return { count: window.count, resetMs: window.endsAt - now };
    }
    if (++opened % SWEEP_EVERY === 0 || windows.size >= most) sweep(windows, now);
    if (windows.size >= most) forgetOldest(windows, most * KEPT);
    // Deleted first, so that the map stays in the order in which the windows began.
    windows.delete(key);
    windows.set(key, { count: 1, endsAt: now + seconds * 1000 });
    return { count: 1, resetMs: seconds * 1000 };
  };
}

function sweep(windows: Map<string, Window>, now: number): void {
  for (const [key, { endsAt }] of windows) if (endsAt <= now) windows.delete(key);
}

function forgetOldest(windows: Map<string, Window>, left: number): void {
  for (const key of windows.keys()) {
    if (windows.size <= left) break;
    windows.delete(key);
  }
}
