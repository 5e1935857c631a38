import pg from 'pg';
import type { Db, Sql } from '../../src/platform/database.ts';
import { Fragment, sql, toStatement } from '../../src/platform/sql.ts';

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils;

interface Plan {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Plan[];
}

const rowsOf = (plan: Plan): number =>
  (plan['Actual Rows'] +
    (plan['Rows Removed by Filter'] ?? 0) +
    (plan['Rows Removed by Index Recheck'] ?? 0)) *
    plan['Actual Loops'] +
  (plan.Plans ?? []).reduce((sum, below) => sum + rowsOf(below), 0);

/**
 * How many rows the plans of what `work` sends read, all their nodes together, when they are kept for any parameters. What
 * it sends is done, and answers nothing. The plans are those from before `meanwhile`, as a connection keeps them.
 */
export async function rowsRead(
  db: Db,
  work: (explained: Sql) => Promise<unknown>,
  meanwhile?: (tx: Sql) => Promise<unknown>,
): Promise<number> {
  let read = 0;
  await db.transaction(async tx => {
    await tx.row(sql`select set_config('plan_cache_mode', 'force_generic_plan', true)`);
    const explain = async (statement: Fragment) => {
      const { text, values } = toStatement(statement);
      // What EXPLAIN is given as parameters of its own it plans for; those of an EXECUTE are any.
      await tx.run(verbatim(`prepare explained as ${text}`));
      const given = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`;
      if (meanwhile !== undefined) {
        await tx.run(verbatim(`explain execute explained ${given}`));
        await meanwhile(tx);
      }
      const row = await tx.row<Record<string, [{ Plan: Plan }]>>(
        verbatim(`explain (analyze, format json) execute explained ${given}`),
      );
      await tx.run(verbatim('deallocate explained'));
      read += rowsOf(row?.['QUERY PLAN']?.[0].Plan as Plan);
    };
    await work({
      rows: statement => explain(statement).then(() => []),
      row: statement => explain(statement).then(() => null),
      run: statement => explain(statement).then(() => 0),
    });
  });
  return read;
}

const verbatim = (text: string) => new Fragment([text], []);

function literal(value: unknown): string {
  const prepared = prepareValue(value) as string | Buffer | null;
  if (prepared === null) return 'null';
  return pg.escapeLiteral(Buffer.isBuffer(prepared) ? `\\x${prepared.toString('hex')}` : prepared);
}
