import { type Db, openDatabase } from '../../src/platform/database.ts';
import { type Fragment, type Joint, type Reading, toStatement } from '../../src/platform/sql.ts';

export interface Hook {
  /** Part of the statement that it waits for, once. */
  readonly text: string;
  readonly before?: () => Promise<unknown>;
  readonly after?: () => Promise<unknown>;
}

/** A pool of its own, with what was sent through it outside of transactions. */
export interface WatchedDatabase {
  readonly db: Db;
  readonly statements: string[];
  readonly hooks: Hook[];
}

export function watchedDatabase(url: string): WatchedDatabase {
  const pool = openDatabase({ connection: { connectionString: url }, poolMax: 4, prepare: true });
  const statements: string[] = [];
  const hooks: Hook[] = [];
  async function watch<Result>(statement: Fragment, send: (statement: Fragment) => Promise<Result>) {
    const { text } = toStatement(statement);
    statements.push(text);
    const index = hooks.findIndex(hook => text.includes(hook.text));
    const hook = index < 0 ? undefined : hooks.splice(index, 1)[0];
    await hook?.before?.();
    const result = await send(statement);
    await hook?.after?.();
    return result;
  }
  const db: Db = {
    ...pool,
    rows: <Row>(statement: Fragment) => watch(statement, pool.rows<Row>),
    row: <Row>(statement: Fragment) => watch(statement, pool.row<Row>),
    read: <Ask, Row>(reading: Reading<Ask>, ask: Ask) =>
      watch(reading.alone(ask), () => pool.read<Ask, Row>(reading, ask)),
    join: <Ask, Row>(joint: Joint<Ask>, ask: Ask) =>
      watch(joint.alone(ask), () => pool.join<Ask, Row>(joint, ask)),
    share: <Row>(statement: Fragment, key: string) => watch(statement, () => pool.share<Row>(statement, key)),
  };
  return { db, statements, hooks };
}
