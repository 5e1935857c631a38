import type { Outcome } from './generator.ts';

/** Something whose rate is measured: one round of it gives a rate, and the CPU that the server spent on each. */
export interface Subject {
  readonly name: string;
  round(): Promise<Rate>;
}

export interface Rate {
  readonly perSecond: number;
  /** Microseconds of the server's CPU for each; NaN where nobody counts. */
  readonly cpu: number;
}

/** How long and how often. */
export interface Pace {
  readonly rounds: number;
  readonly seconds: number;
}

/**
 * Every subject in turn, then again in reverse, so that what else the machine does falls on all of them; the best round
 * of each, since other work can only slow a round, and the least CPU. The first `warmUps` rounds do not count: it takes
 * some 20,000 requests until the compiler has seen enough of them, of a ceiling as of the service.
 */
export async function interleave(
  subjects: readonly Subject[],
  rounds: number,
  warmUps = 0,
): Promise<Map<string, Rate>> {
  const best = new Map<string, Rate>();
  for (let round = -warmUps; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const { perSecond, cpu } = await subject.round();
      if (round < 0) continue;
      const before = best.get(subject.name);
      best.set(subject.name, {
        perSecond: Math.max(perSecond, before?.perSecond ?? 0),
        cpu: Math.min(cpu, before?.cpu ?? Number.POSITIVE_INFINITY),
      });
    }
  }
  return best;
}

/** Throws unless every answer had this status: a measurement of refusals says nothing. */
export function expectOnly(status: number, outcome: Outcome, what: string): Outcome {
  const others = Object.keys(outcome.statuses).filter(key => key !== String(status));
  if (others.length > 0) throw new Error(`${what} answered ${JSON.stringify(outcome.statuses)}`);
  return outcome;
}
