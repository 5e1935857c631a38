import type { Attempt } from './lockout.ts';

/** How many callers in this process are checking a secret against one counter, and who waits for them. */
interface Lane {
  checking: number;
  readonly waiting: (() => void)[];
}

const lanesOf = new WeakMap<object, Map<string, Lane>>();

/**
 * Takes an attempt and goes on with it. Attempts are taken before the secret is checked, so many right passwords at once can
 * use up each other's attempts. While others are being checked in this process, a refused caller therefore waits for one of
 * them to end, and asks again. If it is refused while none is being checked, the refusal is final, and `goOn` gets it.
 */
export async function attemptInTurn<Taken extends Pick<Attempt, 'subject' | 'allowed'>, Result>(
  db: object,
  take: () => Promise<Taken>,
  goOn: (taken: Taken) => Promise<Result>,
): Promise<Result> {
  let lanes = lanesOf.get(db);
  if (lanes === undefined) lanesOf.set(db, (lanes = new Map()));
  // A caller that was woken and then does not check wakes the next, because nobody else would.
  let passOn: (() => void) | undefined;
  for (;;) {
    const taken = await take().catch((error: unknown) => {
      passOn?.();
      throw error;
    });
    const key = taken.subject.toString('latin1');
    const lane = lanes.get(key) ?? { checking: 0, waiting: [] };
    passOn = () => {
      lane.waiting.shift()?.();
      if (lane.checking === 0 && lane.waiting.length === 0) lanes.delete(key);
    };
    if (taken.allowed) {
      lanes.set(key, lane);
      lane.checking++;
      try {
        return await goOn(taken);
      } finally {
        lane.checking--;
        passOn();
      }
    }
    if (lane.checking === 0) {
      passOn();
      return goOn(taken);
    }
    await new Promise<void>(resolve => lane.waiting.push(resolve));
  }
}
