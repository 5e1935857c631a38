// Upper bounds, in seconds.
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5] as const;

interface Series {
  readonly labels: string;
  /** Answers by the first bucket that holds them; last, those above all bounds. */
  readonly counts: number[];
  sum: number;
}

/** How long answers took, by route, method and status. */
export interface Durations {
  observe(method: string, route: string, status: number, seconds: number): void;
  /** The histogram in Prometheus' text format 0.0.4. */
  text(): string;
}

/** An empty histogram. Every request writes to it, so it is not a library's: label maps would cost more than its own work. */
export function openDurations(name: string, help: string): Durations {
  const series = new Map<string, Series>();
  return {
    observe(method, route, status, seconds) {
      const key = `${method} ${status} ${route}`;
      let found = series.get(key);
      if (found === undefined) {
        const labels = `method="${escape(method)}",route="${escape(route)}",status="${status}"`;
        found = { labels, counts: Array.from({ length: BUCKETS.length + 1 }, () => 0), sum: 0 };
        series.set(key, found);
      }
      let bucket = 0;
      while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket++;
      found.counts[bucket] = (found.counts[bucket] as number) + 1;
      found.sum += seconds;
    },
    text: () =>
      [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} histogram`,
        ...[...series.values()].flatMap(linesOf(name)),
        '',
      ].join('\n'),
  };
}

const linesOf =
  (name: string) =>
  ({ labels, counts, sum }: Series): string[] => {
    let total = 0;
    const buckets = counts.map((count, index) => {
      total += count;
      return `${name}_bucket{le="${BUCKETS[index] ?? '+Inf'}",${labels}} ${total}`;
    });
    return [...buckets, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${total}`];
  };

const escape = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
