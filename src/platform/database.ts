import pg from 'pg';
import { Execution, type Outcome } from './execution.ts';
import { Problem } from './problems.ts';
import { type Fragment, type Statement, toStatement } from './sql.ts';

/** What runs a statement: the pool, or one transaction. */
export interface Sql {
  /** Every row that the statement returns. */
  rows<Row>(statement: Fragment): Promise<Row[]>;
  /** The first row, or null where there is none. */
  row<Row>(statement: Fragment): Promise<Row | null>;
  /** How many rows the statement wrote. */
  run(statement: Fragment): Promise<number>;
}

declare const inTransaction: unique symbol;

/** A transaction in progress. Only this is accepted where writes must commit or vanish together. */
export interface Tx extends Sql {
  readonly [inTransaction]: true;
}

export interface Db extends Sql {
  /**
   * Runs `work` in one transaction and commits; a throw rolls back. `work` should return a verdict and let its caller
   * throw, because what is thrown inside takes the failure counters and the audit rows with it.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Connections waited for and in use, for the metrics. */
  stats(): { total: number; idle: number; waiting: number };
  close(): Promise<void>;
}

/** Where a database is and who asks: a URL, or host, role and the rest. */
export type Connection = pg.ClientConfig;

export interface DatabaseOptions {
  readonly connection: Connection;
  readonly poolMax: number;
  /** Named prepared statements; false behind a pooler that cannot keep them. */
  readonly prepare: boolean;
  readonly onIdleError?: (error: Error) => void;
  readonly patience?: Patience;
}

export interface Patience {
  /** How long a caller waits for a connection before it is told to come back. */
  readonly connectionMs: number;
  /** How long for the answer to a statement: more than the server gives it, so only a silent server is left. */
  readonly statementMs: number;
}

const PATIENCE: Patience = { connectionMs: 3_000, statementMs: 20_000 };

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
const WHOLE_HOURS = new Set(['+', '-']);
const parseTime = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ, 'text') as (text: string) => unknown;
// As PostgreSQL writes it, a time is ISO 8601 but for two characters, and Date reads that four times as fast.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, text =>
  text.length >= 22 && text.length <= 29 && WHOLE_HOURS.has(text.at(-3) as string)
    ? new Date(`${text.slice(0, 10)}T${text.slice(11)}:00`)
    : parseTime(text),
);

/** Opens a pool. Refuses with `database_unavailable` when a connection is lost or none is free in time. */
export function openDatabase({
  connection,
  poolMax,
  prepare,
  onIdleError,
  patience = PATIENCE,
}: DatabaseOptions): Db {
  const pool = new pg.Pool({
    application_name: 'entrecore-auth',
    statement_timeout: 15_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    ...connection,
    max: poolMax,
    // Kept once they are open: to close one and make another costs the next caller a handshake and all its preparations.
    min: poolMax,
    connectionTimeoutMillis: patience.connectionMs,
    query_timeout: patience.statementMs,
  });
  pool.on('error', error => onIdleError?.(error));
  // The pool listens to idle clients only. One that is lost while it is lent out, between two statements, would take the
  // process with it; its next statement fails anyway.
  pool.on('connect', client => client.on('error', () => {}));

  return {
    ...sqlOver(overPool(pool, prepare)),
    async transaction(work) {
      const client = await pool.connect().catch(asUnavailable);
      let broken: Error | undefined;
      try {
        await client.query('begin');
        const tx = sqlOver(overClient(client, prepare)) as Tx;
        const result = await work(tx);
        await client.query('commit');
        return result;
      } catch (error) {
        // A server that does not answer is not asked to roll back: it does so when the connection ends.
        if (error instanceof Problem && error.code === 'database_unavailable') broken = error;
        else
          await client.query('rollback').catch((rollback: Error) => {
            broken = rollback;
          });
        return asUnavailable(error);
      } finally {
        client.release(broken);
      }
    },
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

type Run = (statement: Statement) => Promise<Outcome>;

function sqlOver(run: Run): Sql {
  const query = (fragment: Fragment) => run(toStatement(fragment)).catch(asUnavailable);
  return {
    rows: async <Row>(fragment: Fragment) => (await query(fragment)).rows as Row[],
    row: async <Row>(fragment: Fragment) => ((await query(fragment)).rows[0] as Row | undefined) ?? null,
    run: async fragment => (await query(fragment)).count,
  };
}

function overPool(pool: pg.Pool, prepare: boolean): Run {
  return statement =>
    new Promise((resolve, reject) => {
      pool.connect((refused, client, release) => {
        if (client === undefined) return reject(refused);
        let done = false;
        start(client, statement, prepare, (error, outcome) => {
          // pg tells some failures twice: of the statement, and of the connection that is given up for it.
          if (done) return;
          done = true;
          release(error === null || isRefusal(error) ? undefined : error);
          if (error === null) resolve(outcome as Outcome);
          else reject(error);
        });
      });
    });
}

function overClient(client: pg.PoolClient, prepare: boolean): Run {
  return statement =>
    new Promise((resolve, reject) => {
      start(client, statement, prepare, (error, outcome) => {
        if (error === null) resolve(outcome as Outcome);
        else reject(error);
      });
    });
}

function start(
  client: pg.PoolClient,
  statement: Statement,
  prepare: boolean,
  done: (error: Error | null, outcome?: Outcome) => void,
): void {
  if (prepare) {
    const execution = new Execution(statement);
    execution.callback = done;
    client.query(execution);
  } else {
    const { text, values } = statement;
    client.query(text, values, (error: Error | null, result) => {
      if (error) done(error);
      else done(null, { rows: result.rows, count: result.rowCount ?? 0 });
    });
  }
}

// What a statement did wrong with its values leaves its connection as good as it was: data exceptions, constraints,
// conflicts with others (classes 22, 23 and 40). After anything else a new one is made, as where a migration has changed
// what a prepared statement returns, or a pooler has forgotten it.
const isRefusal = (error: Error) => error instanceof pg.DatabaseError && /^(22|23|40)/.test(error.code ?? '');

/** True for a violation of the named unique constraint (SQLSTATE 23505), or of any when no name is given. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof pg.DatabaseError &&
    error.code === '23505' &&
    (constraint === undefined || error.constraint === constraint)
  );
}

// SQLSTATE classes and codes that say "not now" rather than "never": connection exceptions (08), insufficient
// resources (53), operator intervention (57), read-only transaction (25006).
const UNAVAILABLE = /^(08|53|57P|25006)/;
const SOCKET_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EACCES',
]);
const LOST =
  /timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|Cannot use a pool after/;

/** True when the database cannot be reached or cannot serve now, and a retry may succeed. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (
    typeof code === 'string' &&
    (SOCKET_ERRORS.has(code) || (error instanceof pg.DatabaseError && UNAVAILABLE.test(code)))
  )
    return true;
  return LOST.test(error.message);
}

function asUnavailable(error: unknown): never {
  if (isUnavailable(error)) throw new Problem('database_unavailable', { cause: error });
  // The trace of what the server said leads to a socket; this one leads to the caller.
  if (error instanceof pg.DatabaseError) Error.captureStackTrace(error);
  throw error;
}
