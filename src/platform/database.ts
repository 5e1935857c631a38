import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  asUnavailable,
  asUnreachable,
  isConflict,
  isLostAnswer,
  isOutdated,
  isRefusal,
} from './database-errors.ts';
import { Execution, type Outcome } from './execution.ts';
import { gatherJoint, gatherReadings, gatherShares, type Run, type RunEach } from './in-company.ts';
import { isOnStandby, POOLED } from './pooled-client.ts';
import { Problem } from './problems.ts';
import { leaveOutSettings, refusesSettings, SERVER_SETTINGS, type WithSettings } from './server-settings.ts';
import { type Watch, watchSilence } from './silence.ts';
import { type Fragment, type Joint, type Reading, type Statement, toStatement } from './sql.ts';

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

/** A transaction in progress. Code whose writes must commit or vanish together accepts nothing else. */
export interface Tx extends Sql {
  readonly [inTransaction]: true;
}

export interface Db extends Sql {
  /** One asker's row of a reading, or null. Those who ask in the same turn of the event loop are served together. */
  read<Ask, Row>(reading: Reading<Ask>, ask: Ask): Promise<Row | null>;
  /** One asker's row of a joint statement, or null. Those who ask in the same turn are served together. */
  join<Ask, Row>(statement: Joint<Ask>, ask: Ask): Promise<Row | null>;
  /**
   * The first row of a statement that writes, or null. Calls of one turn that run the same text share a transaction: one round
   * trip and one commit. They run in the order of their keys, so that two companies do not wait for each other in a ring; two
   * calls with the same key never go together. Where one of them fails, or waits for a lock, each runs by itself.
   */
  share<Row>(statement: Fragment, key: string): Promise<Row | null>;
  /**
   * Runs `work` in one transaction and commits; a throw rolls back. `work` should return a verdict and let its caller throw,
   * because a throw inside also undoes the failure counters and the audit rows. Where another transaction was in the way
   * (`isConflict`), `work` runs once more, so it must leave nothing behind but what it wrote through `tx`.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Connections open, idle and waited for, for the metrics. */
  stats(): { total: number; idle: number; waiting: number };
  close(): Promise<void>;
}

/** Where a database is and which role connects: a URL, or host, role and the rest. */
export type Connection = pg.ClientConfig;

export interface DatabaseOptions {
  readonly connection: Connection;
  readonly poolMax: number;
  /** Whether prepared statements have names; false behind a pooler that cannot keep them. */
  readonly prepare: boolean;
  readonly onIdleError?: (error: Error) => void;
  /** Called once, when a pooler in between does not pass on what the server is asked to keep. */
  readonly onSettingsRefused?: () => void;
  /** Called when a statement was sent and not answered: it may be committed all the same. */
  readonly onLostAnswer?: () => void;
  readonly patience?: Patience;
}

export interface Patience {
  /** How long a caller waits for a connection before it is told to come back. */
  readonly connectionMs: number;
  /** How long it waits for the answer to a statement: longer than the server lets one run, so only a silent server exceeds it. */
  readonly statementMs: number;
}

const PATIENCE: Patience = { connectionMs: 3_000, statementMs: 20_000 };

// What stands in between (a NAT, a load balancer) forgets a connection after minutes of silence and tells nobody; the kernel by
// default probes only after two hours.
const KEEP_ALIVE_MS = 60_000;

// text[] (pg_type.dat), which pg's list of types leaves out.
const TEXT_ARRAY = 1009 as Parameters<typeof pg.types.getTypeParser>[0];
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
const WHOLE_HOURS = new Set(['+', '-']);
const parseTime = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ, 'text') as (text: string) => unknown;
// PostgreSQL's form of a time is ISO 8601 but for two details, and Date reads ISO 8601 four times as fast as pg's parser.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, text =>
  text.length >= 22 && text.length <= 29 && WHOLE_HOURS.has(text.at(-3) as string)
    ? new Date(`${text.slice(0, 10)}T${text.slice(11)}:00`)
    : parseTime(text),
);

const parseTexts = pg.types.getTypeParser(TEXT_ARRAY, 'text') as (text: string) => unknown;
// Words without quotes, such as names of roles, do not need the parser of nested arrays.
const WORDS = /^\{(?!.*NULL)[a-z][^"{}\\]*\}$/;
pg.types.setTypeParser(TEXT_ARRAY, text =>
  WORDS.test(text) ? text.slice(1, -1).split(',') : parseTexts(text),
);

/** Opens a pool. Its calls refuse with `database_unavailable` when a connection is lost or none is free in time. */
export function openDatabase({
  connection,
  poolMax,
  prepare,
  onIdleError,
  onSettingsRefused,
  onLostAnswer,
  patience = PATIENCE,
}: DatabaseOptions): Db {
  const options: pg.PoolConfig & WithSettings = {
    application_name: 'entrecore-auth',
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    ...connection,
    ...POOLED,
    max: poolMax,
    // Connections are kept once open: replacing one costs the next caller a handshake and all its prepared statements.
    min: poolMax,
    connectionTimeoutMillis: patience.connectionMs,
    settings: SERVER_SETTINGS,
  };
  const pool = new pg.Pool(options);
  let closed: Promise<void> | undefined;
  // The client is removed because it takes 6 kB in the log. While the pool closes, a client may hear that the server stops, which
  // is no error.
  pool.on('error', error => {
    delete (error as { client?: unknown }).client;
    if (closed === undefined) onIdleError?.(error);
  });
  // The pool listens to idle clients only. Without this, a client that is lost between two statements while it is lent out would
  // end the process; its next statement fails anyway.
  pool.on('connect', client => client.on('error', () => {}));

  const server = {
    pool,
    prepare,
    watch: watchSilence(patience.statementMs),
    onSettingsRefused,
    onLostAnswer,
  };
  const alone = overPool(server);
  // A statement by itself is a transaction, and gives way like one.
  const run: Run = statement => givingWay(() => alone(statement), poolMax);
  return {
    ...sqlOver(run),
    read: gatherReadings(run),
    join: gatherJoint(run),
    share: prepare ? gatherShares(run, eachOverPool(server)) : fragment => sqlOver(run).row(fragment),
    transaction: work => givingWay(() => inTransactionOf(server, work), poolMax),
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    // A command that is ended while it closes the pool closes it twice.
    close: () => (closed ??= pool.end()),
  };
}

/** The connections to a server, and how it is asked. */
interface Server {
  readonly pool: pg.Pool;
  readonly prepare: boolean;
  /** Limits how long each answer is waited for. */
  readonly watch: Watch;
  readonly onSettingsRefused: (() => void) | undefined;
  readonly onLostAnswer: (() => void) | undefined;
}

async function inTransactionOf<T>(server: Server, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await new Promise<pg.PoolClient>((resolve, reject) => {
    connectTo(server, (refused, connected) =>
      connected === undefined ? reject(asUnreachable(refused as Error)) : resolve(connected),
    );
  });
  const run = overClient(server, client);
  const say = (text: string) => ask(server, done => client.query(text, done));
  let broken: Error | undefined;
  try {
    await say('begin isolation level read committed');
    const result = await work(sqlOver(run) as Tx);
    await say('commit');
    return result;
  } catch (error) {
    // A server that does not answer is not asked to roll back: it does so when the connection ends.
    if (error instanceof Problem && error.code === 'database_unavailable') broken = error;
    else {
      if (error instanceof pg.DatabaseError && !isRefusal(error)) broken = error;
      await say('rollback').catch((rollback: Error) => {
        broken = rollback;
      });
    }
    return asUnavailable(error);
  } finally {
    client.release(broken ?? isOnStandby(client));
  }
}

type Done<T> = (error: Error | null, result?: T) => void;

function sqlOver(run: Run): Sql {
  const query = <T>(fragment: Fragment, read: (outcome: Outcome) => T) =>
    run(toStatement(fragment)).then(read, asUnavailable);
  return {
    rows: <Row>(fragment: Fragment) => query(fragment, ({ rows }) => rows as Row[]),
    row: <Row>(fragment: Fragment) => query(fragment, ({ rows }) => (rows[0] as Row | undefined) ?? null),
    run: fragment => query(fragment, ({ count }) => count),
  };
}

function overPool(server: Server): Run {
  return server.prepare
    ? statement => lend(server, (client, done) => client.query(single(statement, done)))
    : ({ text, values }) =>
        lend<pg.QueryResult>(server, (client, done) => client.query(text, values, done)).then(outcomeOf);
}

function single(statement: Statement, done: Done<Outcome>): Execution {
  return new Execution(statement, [statement.values], (error, outcomes) => done(error, outcomes?.[0]));
}

/** Runs a statement for each of several lists of values, in one transaction. */
function eachOverPool(server: Server): RunEach {
  return (statement, valueLists) =>
    lend(server, (client, done) => client.query(new Execution(statement, valueLists, done)));
}

// The other transaction sleeps in the server until our lock is free, and takes it only once awake. If we tried again at once, we
// would take the lock first, and the two would wait for each other again.
const GIVE_WAY_MS = 50;

/**
 * Tries once more where another transaction was in the way; a second conflict will not pass by itself. Where a
 * connection is outdated, tries again for each of the `connections` that may be so as well: each one found out is given up.
 */
function givingWay<T>(attempt: () => Promise<T>, connections: number, gives = true): Promise<T> {
  return attempt().catch(async (error: unknown) => {
    if (isOutdated(error) && connections > 0) return givingWay(attempt, connections - 1, gives);
    if (!isConflict(error) || !gives) throw error;
    await sleep(GIVE_WAY_MS);
    return givingWay(attempt, connections, false);
  });
}

// Lends a connection for one use, and takes it back unless what went wrong may be the connection's own fault.
function lend<T>(server: Server, use: (client: pg.PoolClient, done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    connectTo(server, (refused, client, release) => {
      if (client === undefined) return reject(asUnreachable(refused as Error));
      const done = once<T>(server, (error, result) => {
        release(error === null || isRefusal(error) ? isOnStandby(client) : error);
        if (error === null) resolve(result as T);
        else reject(error);
      });
      use(client, done);
    });
  });
}

type Connected = Parameters<pg.Pool['connect']>[0];

function connectTo(server: Server, done: Connected, again = true): void {
  server.pool.connect((refused, client, release) => {
    if (refused === undefined || !again || !refusesSettings(refused)) return done(refused, client, release);
    if (leaveOutSettings(server.pool)) server.onSettingsRefused?.();
    connectTo(server, done, false);
  });
}

function overClient(server: Server, client: pg.PoolClient): Run {
  return server.prepare
    ? statement => ask<Outcome>(server, done => client.query(single(statement, done)))
    : async ({ text, values }) =>
        outcomeOf(await ask<pg.QueryResult>(server, done => client.query(text, values, done)));
}

function ask<T>(server: Server, begin: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    begin(once<T>(server, (error, result) => (error === null ? resolve(result as T) : reject(error))));
  });
}

// Only what comes first counts: the answer or the end of patience. pg also reports some failures twice: for the statement, and
// for the connection that is given up for it.
function once<T>({ watch, onLostAnswer }: Server, done: Done<T>): Done<T> {
  let over = false;
  const first: Done<T> = (error, result) => {
    if (over) return;
    over = true;
    answered();
    if (error !== null && isLostAnswer(error)) onLostAnswer?.();
    done(error, result);
  };
  const answered = watch(silence => first(new Problem('database_unavailable', { cause: silence })));
  return first;
}

const outcomeOf = ({ rows, rowCount }: pg.QueryResult): Outcome => ({ rows, count: rowCount ?? 0 });
