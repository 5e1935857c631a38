// What the audit trail costs: an event, a statement that carries one, the seal under sixteen writers, a verification.
// TEST_DATABASE_URL=postgres://… node bench/audit.ts [seconds]

import { insertEvent, prepareEvent, recordEvent } from '../src/audit/record.ts';
import { sealAll, sealBatch } from '../src/audit/seal.ts';
import { verifyTrail } from '../src/audit/verify.ts';
import { systemClock } from '../src/platform/clock.ts';
import { openDatabase } from '../src/platform/database.ts';
import { sql } from '../src/platform/sql.ts';
import { type TestDeps, testDeps } from '../test/support/deps.ts';
import { settle } from '../test/support/settle.ts';
import { median } from './trial.ts';

const WRITERS = 16;
const seconds = Number(process.argv[2] ?? 5);
const world = await testDeps();
const db = openDatabase({ connection: { connectionString: world.databaseUrl }, poolMax: 20, prepare: true });
const deps: TestDeps = { ...world, db, clock: { ...world.clock, now: () => systemClock.now() } };

const event = (userId: string) =>
  ({
    type: 'session.ended',
    outcome: 'success',
    reason: 'logout',
    actor: { kind: 'user', id: userId },
    userId,
    sessionId: userId,
    caller: {
      requestId: userId,
      ip: '203.0.113.7',
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
    },
  }) as const;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Median microseconds of each, taken in turns so that both see the same machine. */
async function compare(rounds: number, ...works: (() => Promise<unknown>)[]): Promise<number[]> {
  const times = works.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) {
      const started = performance.now();
      await work();
      times[index]?.push((performance.now() - started) * 1000);
    }
  }
  return times.map(list => Math.round(median(list)));
}

try {
  const people = Array.from({ length: 200 }, () => deps.random.uuid());
  const anyone = () => people[Math.floor(performance.now() * 7919) % people.length] as string;
  for (const person of people) await prepareEvent(deps, event(person));

  const before = process.cpuUsage();
  for (let index = 0; index < 20_000; index++) await prepareEvent(deps, event(anyone()));
  const { user, system } = process.cpuUsage(before);
  say(`prepare an event (seal its fields): ${((user + system) / 20_000).toFixed(1)} µs of CPU`);

  await db.run(
    sql`create table bench_sessions (id int primary key, ended_at timestamptz) with (fillfactor = 50)`,
  );
  await db.run(sql`insert into bench_sessions select generate_series(1, 1000)`);
  const end = () =>
    sql`update bench_sessions set ended_at = ${deps.clock.now()}::timestamptz where id = 7 returning id`;
  const [bare, audited, own] = await compare(
    2_000,
    () => db.row(end()),
    async () => {
      const row = await prepareEvent(deps, event(anyone()));
      return db.row(sql`with ended as (${end()}), ${insertEvent(row, sql`ended`)} select id from ended`);
    },
    () => recordEvent(deps, db, event(anyone())),
  );
  say(
    `a statement that ends a session: ${bare} µs; with its event in it: ${audited} µs; an event alone: ${own} µs`,
  );
  await sealAll(deps);

  let writing = true;
  let sealing = 0;
  let sealed = 0;
  const sealer = (async () => {
    while (writing) {
      const started = performance.now();
      const seal = await sealBatch(deps);
      if (seal.verdict === 'sealed') {
        sealing += performance.now() - started;
        sealed += seal.events;
      }
      await new Promise(done => setTimeout(done, 1_000));
    }
  })();
  const started = performance.now();
  const until = started + seconds * 1000;
  let written = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (performance.now() < until) {
        await recordEvent(deps, db, event(anyone()));
        written += 1;
      }
    }),
  );
  const took = (performance.now() - started) / 1000;
  writing = false;
  await sealer;
  await settle(deps);
  const rest = performance.now();
  const left = await sealAll(deps);
  sealing += performance.now() - rest;
  say(
    `${WRITERS} writers: ${Math.round(written / took)} events/s committed; ${sealed + left} sealed, ${left} of them after the last write; ` +
      `the sealer worked ${Math.round((100 * sealing) / (took * 1000))} % of the time: ${Math.round(((sealed + left) * 1000) / sealing)} events/s`,
  );

  const verifying = performance.now();
  const verdict = await verifyTrail(deps);
  say(
    `verify: ${Math.round((verdict.events * 1000) / (performance.now() - verifying))} events/s, ${verdict.events} events, ` +
      `${verdict.findings.length} findings, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`,
  );
  if (verdict.findings.length > 0 || verdict.pending > 0) process.exitCode = 1;
} finally {
  await db.close();
  await world.close();
}
