import type { Outcome } from './generator.ts';

/** Something whose rate is measured, a round at a time. */
export interface Subject {
  readonly name: string;
  round(): Promise<Round>;
}

export interface Round {
  readonly perSecond: number;
  /** Microseconds of the server's CPU for each; NaN where nobody counts. */
  readonly cpu: number;
}

/** What several rounds came to: the medians. */
export interface Rate extends Round {
  readonly rounds: readonly Round[];
}

/** How long and how often. */
export interface Pace {
  readonly rounds: number;
  readonly seconds: number;
}

/**
 * Every subject in turn, then again in reverse, so that what else the machine does falls on all of them. The first `warmUps`
 * rounds do not count: it takes some 20,000 requests until the compiler has seen enough of them, of a ceiling as of the service.
 */
export async function interleave(
  subjects: readonly Subject[],
  rounds: number,
  warmUps = 0,
): Promise<Map<string, Rate>> {
  const counted = new Map(subjects.map(({ name }): [string, Round[]] => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const made = await subject.round();
      if (round >= 0) counted.get(subject.name)?.push(made);
    }
  }
  return new Map(
    [...counted].map(([name, all]) => [
      name,
      {
        perSecond: median(all.map(({ perSecond }) => perSecond)),
        cpu: median(all.map(({ cpu }) => cpu)),
        rounds: all,
      },
    ]),
  );
}

/**
 * The part of a ceiling that a subject reached: the median of what it reached in each round. A shared host becomes a third
 * quicker or slower within minutes, and so does what was measured a minute before; within a round less.
 */
export function partOf(ceiling: Rate, { rounds }: Rate): number {
  return median(rounds.map(({ perSecond }, index) => perSecond / (ceiling.rounds[index] as Round).perSecond));
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [below, above] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((below as number) + (above as number)) / 2;
}

/** Throws unless every answer had this status: a measurement of refusals says nothing. */
export function expectOnly(status: number, outcome: Outcome, what: string): Outcome {
  const others = Object.keys(outcome.statuses).filter(key => key !== String(status));
  if (others.length > 0) throw new Error(`${what} answered ${JSON.stringify(outcome.statuses)}`);
  return outcome;
}
