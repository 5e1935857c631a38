export interface Comparison {
  /** The chance that a sample of `b` is slower than one of `a`: 0.5 where they cannot be told apart. */
  readonly area: number;
  /** The largest distance of the two distributions, and the probability of it where they are one (Kolmogorov-Smirnov). */
  readonly distance: number;
  readonly probability: number;
}

/** Compares two sets of times. */
export function compare(a: readonly number[], b: readonly number[]): Comparison {
  const all = [...a.map(value => ({ value, b: false })), ...b.map(value => ({ value, b: true }))].toSorted(
    (left, right) => left.value - right.value,
  );
  let ranks = 0;
  let distance = 0;
  let [belowA, belowB] = [0, 0];
  for (let from = 0; from < all.length; ) {
    let to = from;
    while (to < all.length && all[to]?.value === all[from]?.value) to++;
    const tied = all.slice(from, to);
    const ofB = tied.filter(sample => sample.b).length;
    ranks += ofB * ((from + 1 + to) / 2);
    belowB += ofB;
    belowA += tied.length - ofB;
    distance = Math.max(distance, Math.abs(belowA / a.length - belowB / b.length));
    from = to;
  }
  const area = (ranks - (b.length * (b.length + 1)) / 2) / (a.length * b.length);
  const size = Math.sqrt((a.length * b.length) / (a.length + b.length));
  return { area, distance, probability: kolmogorov((size + 0.12 + 0.11 / size) * distance) };
}

function kolmogorov(lambda: number): number {
  if (lambda < 0.2) return 1;
  let sum = 0;
  for (let k = 1; k <= 100; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * lambda * lambda);
  return Math.min(1, Math.max(0, sum));
}

/**
 * Times each branch `samples` times, all of them in every round and each round in another order, after a tenth that does
 * not count; `together` rounds are under way at once.
 */
export async function sample<Name extends string>(
  branches: Readonly<Record<Name, () => Promise<unknown>>>,
  { samples, together = 1 }: { samples: number; together?: number },
): Promise<Record<Name, number[]>> {
  const names = Object.keys(branches) as Name[];
  const times = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>;
  const warmUp = Math.ceil(samples / 10);
  let round = 0;
  const run = async () => {
    while (round < samples + warmUp) {
      const counts = round++ >= warmUp;
      for (const name of shuffled(names)) {
        const from = performance.now();
        await branches[name]();
        if (counts) times[name].push(performance.now() - from);
      }
    }
  };
  await Promise.all(Array.from({ length: together }, run));
  return times;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map(item => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
