import type { Attempt } from './lockout.ts';

/** Who checks a secret against one counter in this process, and who waits for them. */
interface Lane {
  checking: number;
  readonly waiting: (() => void)[];
}

const lanesOf = new WeakMap<object, Map<string, Lane>>();

/**
 * Takes an attempt and goes on with it. Attempts are taken before the secret is checked, so of many right passwords at once
 * some find none left, by the others: as long as those are being checked in this process, who was refused waits for one of
 * them to end, and asks again. Who is refused while nobody checks is refused in earnest, and `goOn` gets that.
 */
export async function attemptInTurn<Taken extends Pick<Attempt, 'subject' | 'allowed'>, Result>(
  db: object,
  take: () => Promise<Taken>,
  goOn: (taken: Taken) => Promise<Result>,
): Promise<Result> {
  let lanes = lanesOf.get(db);
  if (lanes === undefined) lanesOf.set(db, (lanes = new Map()));
  // Whoever was woken and does not check wakes the next, or nobody would.
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
