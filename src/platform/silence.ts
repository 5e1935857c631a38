/** Watches one who waits for an answer: `giveUp` is called where none has come in time. The result says that one came. */
export type Watch = (giveUp: (silence: Error) => void) => () => void;

// How many times in what may be waited the watch looks up.
const LOOKS = 20;

/**
 * Waits for everybody with one timer, to a twentieth of what may be waited. A timer for each statement, as pg sets them,
 * left so much behind for the garbage collector that it took a sixth of the bearer check.
 */
export function watchSilence(patienceMs: number): Watch {
  const waiting = new Set<{ readonly since: number; giveUp(silence: Error): void }>();
  let looks = 0;
  let timer: NodeJS.Timeout | undefined;

  const look = () => {
    looks++;
    for (const waiter of waiting) {
      // Whoever comes after this one has waited less.
      if (looks - waiter.since <= LOOKS) break;
      waiting.delete(waiter);
      waiter.giveUp(new Error(`no answer came within ${patienceMs / 1000} s`));
    }
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return giveUp => {
    const waiter = { since: looks, giveUp };
    waiting.add(waiter);
    // The connection that is waited for keeps the process; a command that has its answers ends at once.
    timer ??= setInterval(look, patienceMs / LOOKS).unref();
    return () => waiting.delete(waiter);
  };
}
