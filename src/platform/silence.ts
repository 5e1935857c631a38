/** Watches a wait for an answer: calls `giveUp` where none has come in time. Call the returned function when one has come. */
export type Watch = (giveUp: (silence: Error) => void) => () => void;

// How many times the watch looks up within the longest wait that is allowed.
const LOOKS = 20;

/**
 * Watches every wait with one timer, to a twentieth of `patienceMs`. A timer for each statement, as pg sets them, left so much
 * behind for the garbage collector that it took a sixth of the bearer check.
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
    // The connection that is waited for keeps the process alive without this timer; a command that has its answers ends at once.
    timer ??= setInterval(look, patienceMs / LOOKS).unref();
    return () => waiting.delete(waiter);
  };
}
