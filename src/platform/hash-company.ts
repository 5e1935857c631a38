/** Where callers whose hash has ended wait for each other. */
export interface HashCompany {
  /**
   * Resolves at once where `waiting`, the number of those who wait for a slot, is 0; else when nobody waits any more or as many
   * have joined as pays off, a tenth of a second later at most. `milliseconds` is what the hash took.
   */
  join(hash: { milliseconds: number; waiting: number }): Promise<void>;
}

const COMPANY = 8;
const PATIENCE_MS = 100;

/**
 * Lets several callers do what follows their hashes one right after the other. A hash of Argon2 fills the processor's caches, so
 * a caller who goes on alone finds none of the service's or PostgreSQL's data there, and everybody who waits for a slot waits for
 * that as well (ADR 10). This happens only while others wait, and only for hashes so short that others of the `slots` end soon.
 */
export function openHashCompany(slots: number): HashCompany {
  let held: (() => void)[] = [];
  let patience: NodeJS.Timeout | undefined;

  const leave = () => {
    clearTimeout(patience);
    patience = undefined;
    const all = held;
    held = [];
    for (const goOn of all) goOn();
  };

  return {
    join: ({ milliseconds, waiting }) =>
      new Promise(resolve => {
        const endWithinPatience = (PATIENCE_MS * slots) / milliseconds;
        held.push(resolve);
        if (waiting === 0 || held.length >= Math.min(COMPANY, endWithinPatience)) leave();
        else patience ??= setTimeout(leave, PATIENCE_MS);
      }),
  };
}
