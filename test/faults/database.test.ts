// docs/failure-modes.md, the columns of PostgreSQL. Each fault is real but the full disk, which the server is made to report.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { sql } from '../../src/platform/sql.ts';
import { expectProblem } from '../support/contract.ts';
import { type FaultyApp, faultyApp } from '../support/faulty.ts';
import { fillDisk, freeDisk } from '../support/full-disk.ts';
import { logIn, type Person, person, type Tokens } from '../support/people.ts';

let world: FaultyApp;
let ada: Person;
let tokens: Tokens;
afterEach(() => world.close());

async function open(...options: Parameters<typeof faultyApp>): Promise<void> {
  world = await faultyApp(...options);
  ada = await person(world);
  tokens = await logIn(world, ada);
}
const login = (password = ada.password, name = ada.email) =>
  world.call('POST', '/token', { form: { username: name, password } });
const me = () => world.call('GET', '/users/me', { token: tokens.access_token });
const refresh = () => world.call('POST', '/refresh-token', { body: { token: tokens.refresh_token } });
const reset = (email: string) => world.call('POST', '/password-reset/request', { body: { email } });
const signup = () =>
  world.call('POST', '/signup', {
    body: { first_name: 'G', last_name: 'H', phone_number: '+12125550123', email: 'new@example.com' },
  });
const count = async (table: 'sessions' | 'outbox' | 'audit_events') =>
  (
    await world.deps.db.row<{ n: number }>(sql`
    select case ${table} when 'sessions' then (select count(*) from sessions) when 'outbox' then (select count(*) from outbox)
      else (select count(*) from audit_events) end as n`)
  )?.n;

/** Nothing that needs the database passes; nothing is a defect; what does not need it goes on. */
async function expectClosed(): Promise<void> {
  const asked = [
    await me(),
    await login(),
    await login('wrong'),
    await refresh(),
    await signup(),
    await reset(ada.email),
    await reset('nobody@example.com'),
  ];
  for (const answer of asked) {
    expectProblem(answer, 'database_unavailable');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  }
  expectProblem(await world.call('POST', '/logout', { token: tokens.access_token }), 'database_unavailable');
  expectProblem(await world.call('GET', '/db-check'), 'database_unavailable');
  const ready = await world.call('GET', '/readyz');
  expectProblem(ready, 'not_ready');
  expect(Number(ready.headers['retry-after'])).toBeGreaterThan(0);
  expect(ready.json()).toMatchObject({ status: 'not_ready', checks: { database: expect.any(String) } });
  expect((await world.call('GET', '/livez')).statusCode).toBe(200);
  expect((await world.call('GET', '/health')).statusCode).toBe(200);
}

/** The first request that may fail again is the one that finds the old connections dead. */
async function expectRecovered(): Promise<void> {
  for (let tries = 0; (await world.call('GET', '/readyz')).statusCode !== 200; tries++) {
    expect(tries).toBeLessThan(20);
    await sleep(50);
  }
  expect((await me()).statusCode).toBe(200);
  expect((await refresh()).statusCode).toBe(200);
  expect((await login()).statusCode).toBe(200);
}

test('down: every control is closed with 503 and Retry-After, the process lives, and it comes back by itself', async () => {
  await open();
  world.line.cut();
  await expectClosed();
  world.line.restore();
  await expectRecovered();
});

test('frozen: a caller waits for the patience of one statement, not for ever, and it comes back by itself', async () => {
  await open({}, { poolMax: 2 });
  world.line.freeze();
  const from = performance.now();
  const answers = await Promise.all([me(), me(), me(), login(), refresh()]);
  for (const answer of answers) expectProblem(answer, 'database_unavailable');
  expect(performance.now() - from).toBeLessThan(4_000);
  world.line.cut();
  world.line.restore();
  await expectRecovered();
});

test('frozen: readiness is told within two seconds, whatever patience a statement has', async () => {
  await open({}, { patience: { connectionMs: 3_000, statementMs: 20_000 } });
  expect((await world.call('GET', '/readyz')).json()).toEqual({
    status: 'ready',
    checks: { database: 'ok' },
  });
  world.line.freeze();
  const from = performance.now();
  const ready = await world.call('GET', '/readyz');
  expect(performance.now() - from).toBeLessThan(2_000);
  expectProblem(ready, 'not_ready', 'The service is not ready.');
  expect(ready.json()).toEqual({
    detail: expect.any(String),
    code: 'not_ready',
    message: 'The service is not ready.',
    request_id: ready.headers['x-request-id'],
    status: 'not_ready',
    checks: { database: 'The database does not answer in time.' },
  });
  expect(ready.headers['retry-after']).toBe('1');
  const asked = performance.now();
  expectProblem(await world.call('GET', '/db-check'), 'database_unavailable');
  expect(performance.now() - asked).toBeLessThan(2_000);
  world.line.cut();
  world.line.restore();
  await expectRecovered();
});

test('frozen, and a crowd logs in: none of it waits behind the others for longer than one wait', async () => {
  await open();
  world.line.freeze();
  const from = performance.now();
  const answers = await Promise.all(Array.from({ length: 60 }, () => login()));
  expect(performance.now() - from).toBeLessThan(3_000);
  for (const { statusCode, headers } of answers)
    expect([statusCode, headers['retry-after']]).toEqual([503, expect.stringMatching(/^[1-9]/)]);
  world.line.cut();
  world.line.restore();
  await expectRecovered();
});

test('failed over: the connections end, at most one request of each sees it, and nobody is logged out', async () => {
  await open();
  for (let times = 0; times < 3; times++) {
    await Promise.all([me(), me(), me(), me()]);
    await world.deps.db.run(sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);
    const answers = await Promise.all([me(), me(), me(), me()]);
    for (const { statusCode } of answers) expect([200, 503]).toContain(statusCode);
    expect((await me()).statusCode).toBe(200);
  }
  await expectRecovered();
});

test('read-only: who is logged in stays so; what must write is 503, and does nothing', async () => {
  await open();
  const before = await count('sessions');
  await alterDatabase(name => `alter database ${name} set default_transaction_read_only = on`);
  expect((await me()).statusCode).toBe(200);
  for (const answer of [
    await login(),
    await refresh(),
    await signup(),
    await reset(ada.email),
    await reset('nobody@example.com'),
    await world.call('POST', '/logout', { token: tokens.access_token }),
  ])
    expectProblem(answer, 'database_unavailable');
  await alterDatabase(name => `alter database ${name} set default_transaction_read_only = off`);
  expect(await count('sessions')).toBe(before);
  await expectRecovered();
});

test.each([
  [
    'not accepting connections (55000)',
    (name: string) => `alter database ${name} allow_connections false`,
    (name: string) => `alter database ${name} allow_connections true`,
  ],
  [
    'gone (3D000)',
    (name: string) => `alter database ${name} rename to ${name}_away`,
    (name: string) => `alter database ${name}_away rename to ${name}`,
  ],
])('%s: the server answers and lets nobody in, which is 503 and no defect', async (_, away, back) => {
  await open();
  await alterDatabase(away);
  await expectClosed();
  await alterDatabase(back);
  await expectRecovered();
});

/** Changes the database from outside, and ends every connection to it before and after. */
async function alterDatabase(statement: (name: string) => string): Promise<void> {
  const url = new URL(world.deps.databaseUrl);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const endConnections = () =>
    client.query('select pg_terminate_backend(pid, 1000) from pg_stat_activity where datname = $1', [name]);
  await endConnections();
  await client.query(statement(name));
  await endConnections();
  await client.end();
  // The pools have heard of it.
  await sleep(100);
}

test.each([
  ['a deadlock', '40P01'],
  ['a serialization failure', '40001'],
  ["a lock beyond the role's lock_timeout", '55P03'],
])('%s that stays: 503 with Retry-After, and no defect', async (_what, code) => {
  await open();
  const { db } = world.deps;
  await db.run(sql`
    create function stand_in_the_way() returns trigger language plpgsql as
    'begin raise exception using errcode = tg_argv[0]; end'`);
  await db.transaction(async tx => {
    await tx.run(sql`select set_config('test.code', ${code}, true)`);
    await tx.run(sql`
      do $$ begin execute format('create trigger in_the_way before update on users for each row execute function
      stand_in_the_way(%L)', current_setting('test.code')); end $$`);
  });
  const put = () =>
    world.call('PUT', '/users/me', { token: tokens.access_token, body: { first_name: 'Augusta' } });
  const answer = await put();
  expectProblem(answer, 'database_unavailable');
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  await db.run(sql`drop trigger in_the_way on users`);
  expect((await put()).statusCode).toBe(200);
});

test('the pool is exhausted: 503 with Retry-After after the wait, and none when a connection is free', async () => {
  await open({}, { poolMax: 1 });
  const held = world.through
    .transaction(tx => tx.run(sql`select pg_sleep(1.2)`))
    .catch((error: unknown) => error);
  await sleep(100);
  expectProblem(await me(), 'database_unavailable');
  await held;
  await expectRecovered();
});

test('the disk is full: a login that cannot be audited starts no session; reading goes on', async () => {
  await open();
  await fillDisk(world.deps.db, 'audit_events');
  const sessions = await count('sessions');
  for (const answer of [
    await login(),
    await login('wrong'),
    await reset(ada.email),
    await reset('nobody@example.com'),
  ])
    expectProblem(answer, 'database_unavailable');
  expect(await count('sessions')).toBe(sessions);
  const logout = await world.call('POST', '/logout', { token: tokens.access_token });
  expectProblem(logout, 'database_unavailable');
  expect(await count('outbox')).toBe(0);
  expect((await me()).statusCode).toBe(200);
  await freeDisk(world.deps.db, 'audit_events');
  await expectRecovered();
});

test('what was guessed while the audit trail could not be written counts all the same', async () => {
  await open();
  await fillDisk(world.deps.db, 'audit_events');
  for (let attempt = 0; attempt < 5; attempt++) await login('wrong');
  await freeDisk(world.deps.db, 'audit_events');
  expectProblem(await login(), 'too_many_attempts');
});

test('a right password whose session the disk had no room for is no failure', async () => {
  await open();
  await fillDisk(world.deps.db, 'sessions');
  for (let attempt = 0; attempt < 12; attempt++) expectProblem(await login(), 'database_unavailable');
  await freeDisk(world.deps.db, 'sessions');
  expect((await login()).statusCode).toBe(200);
});

test('limits are counted without the database, so a flood is refused while it is down', async () => {
  await open({ rateLimit: { reset: { points: 3, seconds: 60 } } });
  world.line.cut();
  for (let sent = 0; sent < 3; sent++) expectProblem(await reset(ada.email), 'database_unavailable');
  expectProblem(await reset(ada.email), 'rate_limited');
  world.line.restore();
});
