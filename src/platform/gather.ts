import { isUnavailable } from './database-errors.ts';
import type { Outcome } from './execution.ts';
import type { Statement } from './sql.ts';

// More in one round trip would keep the first of them waiting for the last.
const MOST = 8;

interface Asked {
  readonly statement: Statement;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers the runs of a statement that are asked for in one turn of the event loop into round trips of several. The
 * loop reads every socket that is ready and then comes to what was set for "immediate": by then all the requests that
 * arrived together have asked. For statements that only read and wait for no lock: nobody's own work waits with others'.
 */
export function gather(
  runTogether: (statement: Statement, runs: readonly unknown[][]) => Promise<readonly Outcome[]>,
): (statement: Statement) => Promise<Outcome> {
  const gathering = new Map<string, Asked[]>();

  async function send(all: readonly Asked[]): Promise<void> {
    const { statement } = all[0] as Asked;
    try {
      const outcomes = await runTogether(
        statement,
        all.map(asked => asked.statement.values),
      );
      for (const [index, { resolve }] of all.entries()) resolve(outcomes[index] as Outcome);
    } catch (error) {
      // One that is refused takes the others of its round trip with it: each is tried by itself.
      if (all.length > 1 && !isUnavailable(error)) for (const asked of all) void send([asked]);
      else for (const { reject } of all) reject(error);
    }
  }

  return statement =>
    new Promise((resolve, reject) => {
      const open = gathering.get(statement.name);
      const all = open === undefined || open.length === MOST ? [] : open;
      all.push({ statement, resolve, reject });
      if (all === open) return;
      gathering.set(statement.name, all);
      setImmediate(() => {
        if (gathering.get(statement.name) === all) gathering.delete(statement.name);
        void send(all);
      });
    });
}
