import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { startMaintenance, sweep } from '../src/maintenance.ts';
import type { Db } from '../src/platform/database.ts';
import { sql, toStatement } from '../src/platform/sql.ts';
import { type TestDeps, testDeps } from './support/deps.ts';
import { person } from './support/people.ts';

const MANY = 3_300;

let deps: TestDeps;
let userId: string;
beforeAll(async () => {
  deps = await testDeps();
  userId = (await person({ deps: deps as Parameters<typeof person>[0]['deps'] })).id;
});
afterAll(() => deps.close());

beforeEach(async () => {
  const { db, clock } = deps;
  await db.run(sql`truncate challenges, outbox, sessions, revoked_tokens, lockouts, known_devices`);
  const old = new Date(clock.now().getTime() - 500 * 86_400_000);
  const many = sql`generate_series(1, ${MANY}::int) as n`;
  const id = sql`gen_random_uuid()`;
  const hash = sql`sha256(n::text::bytea)`;
  await db.run(sql`
    insert into challenges (id, purpose, secret_hash, created_at, expires_at)
    select ${id}, 'signup', ${hash}, ${old}, ${old} from ${many}`);
  await db.run(sql`
    insert into outbox (id, channel, template, recipient, created_at, next_attempt_at)
    select ${id}, 'mail', 'sign-in', 'ada@example.com', ${old}, ${old} from ${many}`);
  await db.run(sql`
    insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr,
      created_at)
    select ${id}, ${userId}::uuid, ${hash}, ${hash}, ${old}, ${old}, ${old}, ${old}, '{pwd}', ${old} from ${many}`);
  await db.run(sql`insert into revoked_tokens (jti, expires_at) select ${id}, ${old} from ${many}`);
  await db.run(sql`
    insert into lockouts (subject, failures, window_started_at, last_failure_at, kept_until)
    select ${hash}, 1, ${old}, ${old}, ${old}::date from ${many}`);
  await db.run(sql`
    insert into known_devices (id, user_id, name, created_at, last_seen_at)
    select ${id}, ${userId}::uuid, 'A device', ${old}, ${old} from ${many}`);
});

const left = () =>
  deps.db.row<Record<string, number>>(sql`
    select (select count(*) from challenges) as challenges, (select count(*) from outbox) as messages,
      (select count(*) from sessions) as sessions, (select count(*) from revoked_tokens) as revoked_tokens,
      (select count(*) from lockouts) as lockouts, (select count(*) from known_devices) as devices`);
const each = (count: number) => ({
  challenges: count,
  messages: count,
  sessions: count,
  revoked_tokens: count,
  lockouts: count,
  devices: count,
});

test('one round removes thousands of rows of every table, but for what is still good and what another transaction holds', async () => {
  const { db, clock } = deps;
  const ago = (seconds: number) => new Date(clock.now().getTime() - seconds * 1000);
  const [today, hour, day, year] = [ago(0), ago(3_600), ago(86_400), ago(401 * 86_400)];
  const [challenge, session] = [sql`select id from challenges limit 1`, sql`select id from sessions limit 1`];
  await db.run(sql`update challenges set expires_at = ${hour} where id = (${challenge})`);
  await db.run(sql`update sessions set expires_at = ${day} where id = (${session})`);
  const [revoked, device] = [
    sql`select jti from revoked_tokens limit 1`,
    sql`select id from known_devices limit 1`,
  ];
  await db.run(sql`update revoked_tokens set expires_at = ${day} where jti = (${revoked})`);
  await db.run(sql`update known_devices set last_seen_at = ${year} where id = (${device})`);
  const lockout = sql`select subject from lockouts limit 1`;
  await db.run(sql`update lockouts set kept_until = ${today}::date where subject = (${lockout})`);
  await db.transaction(async tx => {
    await tx.row(sql`select from challenges where expires_at < ${hour} limit 1 for update`);
    await tx.row(sql`select from sessions where expires_at < ${day} limit 1 for update`);
    await tx.row(sql`select from revoked_tokens where expires_at < ${day} limit 1 for update`);
    await tx.row(sql`select from known_devices where last_seen_at < ${year} limit 1 for update`);
    await tx.row(sql`select from lockouts where kept_until < ${today}::date limit 1 for update`);
    await sweep(deps);
  });
  expect(await left()).toEqual({ ...each(2), messages: 0 });
  await sweep(deps);
  expect(await left()).toEqual({ ...each(1), messages: 0 });
});

test('a round ends after half a minute, and has taken as much of each table', async () => {
  const { clock } = deps;
  let asked = 0;
  // Each batch that looks at the time takes long.
  const slow = { ...clock, now: () => new Date(clock.now().getTime() + 6_000 * asked++) };
  await sweep({ ...deps, clock: slow });
  const counts = Object.values((await left()) ?? {});
  expect(counts.every(count => count > 0 && count < MANY)).toBe(true);
  expect(new Set(counts).size).toBe(1);
});

test('a round that is told to stop does so after the batch in progress, and one that fails keeps no other from its rows', async () => {
  await sweep(deps, AbortSignal.abort());
  expect(await left()).toEqual(each(MANY));
  await deps.db.run(sql`alter table challenges rename to challenges_elsewhere`);
  await sweep(deps);
  await deps.db.run(sql`alter table challenges_elsewhere rename to challenges`);
  expect(await left()).toEqual({ ...each(0), challenges: MANY });
});

test('devices, which no index finds by their age, are looked for once an hour', async () => {
  const looks = { known_devices: 0, challenges: 0 };
  const db: Db = {
    ...deps.db,
    rows: async () => [],
    async run(statement) {
      const { text } = toStatement(statement);
      for (const table of ['known_devices', 'challenges'] as const)
        if (text.includes(`delete from ${table} `)) looks[table] += 1;
      return 0;
    },
  };
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const maintenance = startMaintenance({ ...deps, db });
    for (let minute = 1; minute <= 61; minute++) {
      vi.advanceTimersByTime(60_000);
      while (looks.challenges < minute) await new Promise(setImmediate);
      // To the end of the round.
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    }
    await maintenance.stop();
  } finally {
    vi.useRealTimers();
  }
  expect(looks).toEqual({ known_devices: 2, challenges: 61 });
});

test('by a clock that is years ahead nothing is swept, for every replica and for good, and the log says so', async () => {
  const error = vi.spyOn(deps.log, 'error');
  const before = await left();
  deps.clock.advance(3 * 365 * 86_400);
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const maintenance = startMaintenance(deps);
    vi.advanceTimersByTime(60_000);
    await maintenance.stop();
  } finally {
    vi.useRealTimers();
    deps.clock.advance(-3 * 365 * 86_400);
  }
  expect(error).toHaveBeenCalledWith(
    { days: expect.any(Number) },
    expect.stringContaining('nothing is swept'),
  );
  expect(await left()).toEqual(before);
});
