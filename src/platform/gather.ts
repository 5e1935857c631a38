import { isOutdated, isUnavailable } from './database-errors.ts';
import { COMPANY } from './sql.ts';

/** How those who ask in one turn of the event loop are served. */
export interface Company<Ask, Answer> {
  /** Answers all of them in one round trip, in their order; an asker whose answer is undefined is served alone after that. */
  together(asks: readonly Ask[]): Promise<readonly (Answer | undefined)[]>;
  alone(ask: Ask): Promise<Answer>;
  /** Two asks with the same key never go together. */
  key?(ask: Ask): string;
  /**
   * How many milliseconds at most those who ask while a company is away wait for its return, so that they form a larger one; 0,
   * or left out, for what costs little to send.
   */
  readonly waitMs?: number;
}

interface Asked<Ask, Answer> {
  readonly ask: Ask;
  readonly resolve: (answer: Answer | Promise<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers what is asked in one turn of the event loop into shared round trips. The loop reads every socket that is ready before
 * it comes to what was set for "immediate", so all the requests that arrived together have asked by then. Whoever is alone in a
 * turn is served at once. In company nobody may wait for a lock, as all would wait. With `waitMs` the next company leaves when
 * the one before has come back: the busier the database, the larger the companies.
 */
export function gather<Ask, Answer>({
  together,
  alone,
  key,
  waitMs = 0,
}: Company<Ask, Answer>): (ask: Ask) => Promise<Answer> {
  let open: Asked<Ask, Answer>[] = [];
  const keys = new Set<string>();
  // The company that left last, while it is away.
  let away: readonly Asked<Ask, Answer>[] | null = null;
  let leftAt = 0;
  let patience: NodeJS.Timeout | undefined;

  function close(): Asked<Ask, Answer>[] {
    const all = open;
    open = [];
    keys.clear();
    return all;
  }

  function leave(): void {
    const all = close();
    away = all;
    if (waitMs > 0) leftAt = performance.now();
    void serve(all).then(tell => {
      if (away === all) away = null;
      if (away !== null || waitMs === 0 || open.length === 0) return tell();
      leave();
      // Told in this turn, they would be worked off before the next company is sent: the pool gives out a connection in a tick.
      setImmediate(tell);
    });
  }

  function wait(): void {
    patience ??= setTimeout(() => open.length > 0 && leave(), waitMs).unref();
    patience.refresh();
  }

  // What tells them their answers, once those are known.
  async function serve(all: readonly Asked<Ask, Answer>[]): Promise<() => void> {
    const [first] = all as [Asked<Ask, Answer>];
    if (all.length === 1) {
      const answer = alone(first.ask);
      await answer.catch(() => {});
      return () => first.resolve(answer);
    }
    try {
      const answers = await together(all.map(({ ask }) => ask));
      return () => {
        for (const [index, { ask, resolve }] of all.entries()) {
          const answer = answers[index];
          resolve(answer === undefined ? alone(ask) : answer);
        }
      };
    } catch (error) {
      // One ask that is refused fails the whole round trip, so each is tried by itself.
      return () => {
        for (const { ask, resolve, reject } of all) {
          if (isUnavailable(error) && !isOutdated(error)) reject(error);
          else resolve(alone(ask));
        }
      };
    }
  }

  return ask =>
    new Promise((resolve, reject) => {
      const name = key?.(ask);
      const full = open.length === COMPANY || (name !== undefined && keys.has(name));
      if (full) leave();
      if (name !== undefined) keys.add(name);
      if (open.push({ ask, resolve, reject }) > 1) return;
      const all = open;
      setImmediate(() => {
        if (open !== all) return;
        if (away !== null && performance.now() - leftAt < waitMs) wait();
        else leave();
      });
    });
}
