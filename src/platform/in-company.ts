import { asUnavailable } from './database-errors.ts';
import type { Outcome } from './execution.ts';
import { type Company, gather } from './gather.ts';
import { type Fragment, type Joint, type Reading, type Statement, toStatement } from './sql.ts';

/** Runs a statement, in a transaction of its own or in one that is open. */
export type Run = (statement: Statement) => Promise<Outcome>;
/** Runs a statement for each of several lists of values, in one transaction of its own. */
export type RunEach = (statement: Statement, valueLists: readonly unknown[][]) => Promise<readonly Outcome[]>;

type Found = Record<string, unknown>;

/** Those who ask for the same reading go together. */
export function gatherReadings(run: Run) {
  return gatherEach((reading: Reading<unknown>) => ({
    alone: async one => (await run(toStatement(reading.alone(one)))).rows[0] ?? null,
    async together(all) {
      const { rows } = await run(toStatement(reading.together(all)));
      const found = new Map(rows.map(row => [row.place, row]));
      return all.map((_, index) => found.get(index + 1) ?? null);
    },
  }));
}

// About as long as a commit takes where the disk is quick. Where it takes longer, PostgreSQL lets several share one.
const COMMIT_MS = 2;

/** Those who ask the same joint statement go together. */
export function gatherJoint(run: Run) {
  return gatherEach((joint: Joint<unknown>) => ({
    key: joint.key,
    waitMs: COMMIT_MS,
    alone: async one => (await run(toStatement(joint.alone(one)))).rows[0] ?? null,
    async together(all) {
      const { rows } = await run(toStatement(joint.together(all)));
      const found = new Map(rows.map(row => [row.key, row]));
      return all.map(one => found.get(joint.key(one)));
    },
  }));
}

interface Share {
  readonly statement: Statement;
  readonly key: string;
}

/** Those who run the same text go together, in one transaction. */
export function gatherShares(run: Run, runEach: RunEach) {
  const askers = new Map<string, (ask: Share) => Promise<Found | null>>();
  const company: Company<Share, Found | null> = {
    key: ({ key }) => key,
    waitMs: COMMIT_MS,
    alone: async ({ statement }) => (await run(statement)).rows[0] ?? null,
    async together(all) {
      const inOrder = all.toSorted((one, other) => (one.key < other.key ? -1 : 1));
      const [{ statement }] = inOrder as [Share];
      const outcomes = await runEach(
        statement,
        inOrder.map(one => one.statement.values),
      );
      return all.map(one => outcomes[inOrder.indexOf(one)]?.rows[0] ?? null);
    },
  };
  return <Row>(fragment: Fragment, key: string): Promise<Row | null> => {
    const statement = toStatement(fragment);
    let asker = askers.get(statement.name);
    if (asker === undefined) askers.set(statement.name, (asker = gather(company)));
    return asker({ statement, key }).then(found => found as Row | null, asUnavailable);
  };
}

function gatherEach<Kind extends object>(companyOf: (kind: Kind) => Company<unknown, Found | null>) {
  const askers = new WeakMap<Kind, (ask: unknown) => Promise<Found | null>>();
  return <Ask, Row>(kind: Kind, ask: Ask): Promise<Row | null> => {
    let asker = askers.get(kind);
    if (asker === undefined) askers.set(kind, (asker = gather(companyOf(kind))));
    return asker(ask).then(found => found as Row | null, asUnavailable);
  };
}
