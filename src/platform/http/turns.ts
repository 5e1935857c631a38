/** Begins work now, or in a later turn of the event loop. */
export type Turns = (begin: () => void) => void;

/**
 * Lets `perTurn` pieces of work begin in one turn of the event loop, first come first served, and the others in the turns
 * that follow: when a crowd arrives at once, any other request waits for a few of the crowd and not for all.
 */
export function openTurns(perTurn: number): Turns {
  const waiting: (() => void)[] = [];
  let begun = 0;

  const turn = () => {
    begun = 0;
    if (waiting.length === 0) return;
    setImmediate(turn);
    while (begun < perTurn && waiting.length > 0) {
      begun++;
      // Taken out at once: during a crowd that never ends, the list would otherwise keep every request that was ever in it.
      (waiting.shift() as () => void)();
    }
  };

  return begin => {
    if (begun === perTurn) {
      waiting.push(begin);
      return;
    }
    if (begun++ === 0) setImmediate(turn);
    begin();
  };
}
