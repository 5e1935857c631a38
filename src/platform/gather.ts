import { isUnavailable } from './database-errors.ts';
import { COMPANY } from './sql.ts';

/** How those are served who ask in one turn of the event loop. */
export interface Company<Ask, Answer> {
  /** All of them in one round trip, in their order; whose answer is undefined is served alone after that. */
  together(asks: readonly Ask[]): Promise<readonly (Answer | undefined)[]>;
  alone(ask: Ask): Promise<Answer>;
  /** Two with one key never go together. */
  key?(ask: Ask): string;
  /**
   * Milliseconds at most that those who ask while a company is away wait for its return, and so become a larger one; 0, or
   * left out, for what costs little to send.
   */
  readonly waitMs?: number;
}

interface Asked<Ask, Answer> {
  readonly ask: Ask;
  readonly resolve: (answer: Answer | Promise<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers what is asked in one turn of the event loop into round trips of several. The loop reads every socket that is
 * ready and then comes to what was set for "immediate": by then all the requests that arrived together have asked. Who is
 * alone in its turn is served at once; so it must be true that nobody waits for a lock in company, as all would wait. With
 * `waitMs` the next company leaves when the one before has come back: the busier the database, the larger they are.
 */
export function gather<Ask, Answer>({
  together,
  alone,
  key,
  waitMs = 0,
}: Company<Ask, Answer>): (ask: Ask) => Promise<Answer> {
  let open: Asked<Ask, Answer>[] = [];
  const keys = new Set<string>();
  // Of those who are away, the ones who left last.
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
    void serve(all).then(() => {
      if (away !== all) return;
      away = null;
      if (waitMs > 0 && open.length > 0) leave();
    });
  }

  function wait(): void {
    patience ??= setTimeout(() => open.length > 0 && leave(), waitMs).unref();
    patience.refresh();
  }

  async function serve(all: readonly Asked<Ask, Answer>[]): Promise<void> {
    const [first] = all as [Asked<Ask, Answer>];
    if (all.length === 1) {
      const answer = alone(first.ask);
      first.resolve(answer);
      await answer.catch(() => {});
      return;
    }
    try {
      const answers = await together(all.map(({ ask }) => ask));
      for (const [index, { ask, resolve }] of all.entries()) {
        const answer = answers[index];
        resolve(answer === undefined ? alone(ask) : answer);
      }
    } catch (error) {
      // One that is refused takes the others of its round trip with it: each is tried by itself.
      for (const { ask, resolve, reject } of all) {
        if (isUnavailable(error)) reject(error);
        else resolve(alone(ask));
      }
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
