import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { signedIn } from '../../test/support/person.ts';
import { login as logInVerb } from '../passwords/login.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { sql } from '../platform/sql.ts';
import {
  checkOrGiveBack,
  giveBack,
  isLocked,
  lockoutsOf,
  takeAttempt,
  takeUnknownAttempt,
  unlockAccount,
} from './lockout.ts';
import { sweepLockouts } from './sweep.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const login = (username: string, password: string) =>
  service.call('POST', '/token', { form: { username, password } });
const counters = (userId: string) =>
  service.deps.db.rows(
    sql`select failures, locks, locked_until, notified_at from lockouts where user_id = ${userId}::uuid`,
  );

test('a login leaves a counter without failures, which nobody is shown, and which gives no further guess', async () => {
  const { id, email } = await signedIn(service);
  const { db, clock } = service.deps;
  await db.run(sql`
    update lockouts set failures = 5, locks = 2, locked_until = ${clock.now()}, notified_at = ${clock.now()}
    where user_id = ${id}::uuid`);
  expect((await login(email, 'Correct-horse-7')).statusCode).toBe(200);
  expect(await counters(id)).toEqual([{ failures: 0, locks: 0, locked_until: null, notified_at: null }]);
  expect(await lockoutsOf(service.deps.db, id)).toEqual([]);
  const statuses = await Promise.all(
    Array.from({ length: 20 }, async () => (await login(email, 'wrong')).statusCode),
  );
  expect(statuses.toSorted((a, b) => a - b)).toEqual([
    ...Array.from({ length: 5 }, () => 401),
    ...Array.from({ length: 15 }, () => 429),
  ]);
});

test('right passwords at once all let in, however many: the attempts that others of them hold come back', async () => {
  const { id, email } = await signedIn(service);
  for (let count = 0; count < 3; count++) expect((await login(email, 'wrong')).statusCode).toBe(401);
  const statuses = await Promise.all(
    Array.from({ length: 20 }, async () => (await login(email, 'Correct-horse-7')).statusCode),
  );
  expect(statuses).toEqual(statuses.map(() => 200));
  expect(await counters(id)).toMatchObject([{ failures: 0, locks: 0, locked_until: null }]);
});

test('who guesses at a name that nobody has locks that name, and no account', async () => {
  service.deps.clock.advance(1);
  const statuses: number[] = [];
  for (let count = 0; count < 6; count++) statuses.push((await login('nobody at all', 'wrong')).statusCode);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  const rows = await service.deps.db.rows(sql`
    select user_id from lockouts where failures > 0 and last_failure_at = ${service.deps.clock.now()}`);
  expect(rows).toEqual([{ user_id: null }]);
});

test('a lock of a name that nobody has outlasts a change of roots, as the lock of an account does', async () => {
  const { deps } = service;
  const root = 'another root secret, of 32 bytes and more';
  const changed = { ...deps, secrets: deriveSecrets(root, [deps.config.secrets.root ?? '']) };
  for (let count = 0; count < 4; count++) await takeUnknownAttempt(deps, deps.db, 'nobody of before');
  expect((await takeUnknownAttempt(changed, deps.db, 'nobody of before')).lockedUntil).not.toBeNull();
  await expect(takeUnknownAttempt(changed, deps.db, 'nobody of before')).rejects.toMatchObject({
    code: 'too_many_attempts',
  });
});

test('a success begins a window of its own: what failed before it counts no more, and what fails after it counts whole', async () => {
  const { email } = await signedIn(service);
  for (let count = 0; count < 4; count++) expect((await login(email, 'wrong')).statusCode).toBe(401);
  expect((await login(email, 'Correct-horse-7')).statusCode).toBe(200);
  // The window of the counter would end within these.
  service.deps.clock.advance(890);
  for (let count = 0; count < 4; count++) expect((await login(email, 'wrong')).statusCode).toBe(401);
  service.deps.clock.advance(20);
  expect((await login(email, 'wrong')).statusCode).toBe(401);
  expect((await login(email, 'wrong')).statusCode).toBe(429);
});

test('attempts that wait while their window ends, or a success forgets them, take nothing off the next one when they are given back', async () => {
  for (const ending of ['time', 'success'] as const) {
    const { id, email } = await signedIn(service);
    const { deps } = service;
    const held = [1, 2, 3].map(() => takeAttempt(deps, deps.db, { userId: id }));
    const drawn = await Promise.all(held);
    if (ending === 'time') deps.clock.advance(901);
    else expect((await login(email, 'Correct-horse-7')).statusCode).toBe(200);
    deps.clock.advance(1);
    const neighbour = await signedIn(service);
    await takeAttempt(deps, deps.db, { userId: neighbour.id });
    for (let guess = 0; guess < 4; guess++) expect((await login(email, 'wrong')).statusCode).toBe(401);
    for (const attempt of drawn)
      await expect(checkOrGiveBack(deps, attempt, () => Promise.reject(new Error('gone')))).rejects.toThrow(
        'gone',
      );
    expect(await counters(id)).toMatchObject([{ failures: 4 }]);
    const [again, last] = [await takeAttempt(deps, deps.db, { userId: id }), login(email, 'wrong')];
    expect((await last).statusCode).toBe(429);
    await expect(checkOrGiveBack(deps, again, () => Promise.reject(new Error('gone')))).rejects.toThrow(
      'gone',
    );
    expect(await counters(id)).toMatchObject([{ failures: 4, locks: 0, locked_until: null }]);
    expect(await counters(neighbour.id)).toMatchObject([{ failures: 1 }]);
  }
});

test('to lift a lock forgets how often there was one, also where no failure is left', async () => {
  const { id } = await signedIn(service);
  const { db } = service.deps;
  expect(await unlockAccount(db, id)).toEqual([]);
  await db.run(sql`update lockouts set locks = 2 where user_id = ${id}::uuid`);
  expect(await lockoutsOf(db, id)).toMatchObject([{ failures: 0 }]);
  expect(await unlockAccount(db, id)).toHaveLength(1);
  expect(await counters(id)).toEqual([]);
});

test('each lock is twice as long as the one before it, up to the longest, and a day without failure forgets them', async () => {
  const { clock, config, db } = service.deps;
  for (const attempts of [1, 2]) {
    const lockout = { attempts, window: 10_000, duration: 900, maxDuration: 5_000 };
    const guess = () =>
      takeUnknownAttempt({ ...service.deps, config: { ...config, lockout } }, db, `nobody ${attempts}`);
    /** Guesses until the lock, waits for its very end, and says how long it took. */
    const sitOut = async () => {
      for (let count = 1; count < attempts; count++) expect((await guess()).lockedUntil).toBeNull();
      const seconds = (Number((await guess()).lockedUntil) - clock.now().getTime()) / 1000;
      await expect(guess()).rejects.toMatchObject({ retryAfter: seconds });
      clock.advance(seconds - 1);
      await expect(guess()).rejects.toMatchObject({ code: 'too_many_attempts', retryAfter: 1 });
      clock.advance(1);
      return seconds;
    };
    for (const seconds of [900, 1_800, 3_600, 5_000, 5_000]) expect(await sitOut()).toBe(seconds);
    clock.advance(86_400 - 5_000);
    expect(await sitOut()).toBe(900);
    clock.advance(86_400 - 901);
    expect(await sitOut()).toBe(1_800);
  }
});

test('however often there was a lock, the next one is the longest', async () => {
  const { deps } = service;
  const { id } = await signedIn(service);
  await takeAttempt(deps, deps.db, { userId: id });
  // 2 to that power is no number any more.
  await deps.db.run(sql`update lockouts set locks = 2000, failures = 4 where user_id = ${id}::uuid`);
  const { lockedUntil } = await takeAttempt(deps, deps.db, { userId: id });
  expect(lockedUntil?.getTime()).toBe(deps.clock.now().getTime() + 86_400_000);
});

test('a lock that a clock years ahead has set ends once that clock is put back, as no lock is that long', async () => {
  const { deps } = service;
  const { id } = await signedIn(service);
  const guess = () => takeAttempt(deps, deps.db, { userId: id });
  const YEARS = 3 * 365 * 86_400;
  deps.clock.advance(YEARS);
  for (let failures = 0; failures < 5; failures++) await guess();
  await expect(guess()).rejects.toMatchObject({ code: 'too_many_attempts' });
  deps.clock.advance(-YEARS);
  const [lane] = await lockoutsOf(deps.db, id);
  expect(isLocked(deps, lane?.locked_until ?? null)).toBe(false);
  expect(await guess()).toMatchObject({ allowed: true, failures: 1 });
});

test('a window begins with the first of its failures and is no longer for those that follow', async () => {
  const { clock, config, db } = service.deps;
  const lockout = { ...config.lockout, attempts: 3 };
  const guess = async () =>
    (await takeUnknownAttempt({ ...service.deps, config: { ...config, lockout } }, db, 'nobody slow'))
      .failures;
  expect([await guess(), await guess()]).toEqual([1, 2]);
  clock.advance(lockout.window);
  expect(await guess()).toBe(1);
  clock.advance(lockout.window - 1);
  expect(await guess()).toBe(2);
  clock.advance(1);
  expect(await guess()).toBe(1);
});

test('guesses that are too slow for any window are a hundred in a row: then the longest lock, with nothing but a success before it', async () => {
  const { clock, config, db } = service.deps;
  const { id, email } = await signedIn(service);
  const { window, maxDuration } = config.lockout;
  /** Four guesses a window, which no window locks; after how many of them the lock came. */
  const guessSlowly = async (most: number) => {
    for (let count = 1; count <= most; count++) {
      if (count % 4 === 1) clock.advance(window);
      const { lockedUntil } = await takeAttempt(service.deps, db, { userId: id });
      if (lockedUntil !== null)
        return { count, seconds: (Number(lockedUntil) - clock.now().getTime()) / 1000 };
    }
    return null;
  };
  expect(await guessSlowly(99)).toBeNull();
  clock.advance(window);
  expect((await login(email, 'Correct-horse-7')).statusCode).toBe(200);
  expect(await guessSlowly(200)).toEqual({ count: 100, seconds: maxDuration });
  await expect(takeAttempt(service.deps, db, { userId: id })).rejects.toMatchObject({
    code: 'too_many_attempts',
    retryAfter: maxDuration,
  });
  expect(await lockoutsOf(db, id)).toHaveLength(1);
});

test('a day without failure forgets what was in a row, and what was given back was never in it', async () => {
  const { clock, config, db } = service.deps;
  const { id } = await signedIn(service);
  const guess = () => takeAttempt(service.deps, db, { userId: id });
  await db.run(sql`
    update lockouts set in_a_row = 98, last_failure_at = ${clock.now()}::timestamptz where user_id = ${id}::uuid`);
  for (let count = 0; count < 3; count++) {
    const { lockedUntil, subject } = await guess();
    expect(lockedUntil).toBeNull();
    await giveBack(service.deps, db, subject);
  }
  expect((await guess()).lockedUntil).toBeNull();
  expect(await lockoutsOf(db, id)).toMatchObject([{ failures: 99 }]);
  clock.advance(86_400);
  expect((await guess()).lockedUntil).toBeNull();
  clock.advance(config.lockout.window);
  expect((await guess()).lockedUntil).toBeNull();
  expect(await lockoutsOf(db, id)).toMatchObject([{ failures: 2 }]);
});

test('a limit above a hundred is the limit also of failures in a row', async () => {
  const { config, db } = service.deps;
  const deps = { ...service.deps, config: { ...config, lockout: { ...config.lockout, attempts: 102 } } };
  const guess = async () => (await takeUnknownAttempt(deps, db, 'nobody patient')).lockedUntil;
  for (let count = 1; count < 102; count++) expect(await guess()).toBeNull();
  expect(await guess()).not.toBeNull();
});

test('the hundredth in a row that is given back takes its lock along', async () => {
  const { db } = service.deps;
  const { id } = await signedIn(service);
  await db.run(sql`update lockouts set in_a_row = 99 where user_id = ${id}::uuid`);
  const attempt = await takeAttempt(service.deps, db, { userId: id });
  expect(attempt.lockedUntil).not.toBeNull();
  await expect(
    checkOrGiveBack(service.deps, attempt, () => Promise.reject(new Error('gone'))),
  ).rejects.toThrow('gone');
  expect(await counters(id)).toMatchObject([{ failures: 0, locks: 0, locked_until: null }]);
  expect(await unlockAccount(db, id)).toHaveLength(1);
});

test('a counter that is still written is not swept, and one that remembers nothing is', async () => {
  const { clock, db } = service.deps;
  const { id, email } = await signedIn(service);
  const sweep = async () => {
    await sweepLockouts(db, clock.now(), 1_000);
    return (await counters(id)).length;
  };
  for (let day = 0; day < 4; day++) {
    clock.advance(86_400);
    await login(email, 'wrong');
    expect(await sweep()).toBe(1);
  }
  // A lock of the longest duration has ended, and a day without failure has passed.
  clock.advance(2 * 86_400);
  expect(await sweep()).toBe(1);
  clock.advance(86_400);
  expect(await sweep()).toBe(0);
});

test('without a limit nothing is counted, and nobody is locked', async () => {
  const { id, email } = await signedIn(service);
  const config = { ...service.deps.config, lockout: { ...service.deps.config.lockout, attempts: 0 } };
  const deps = { ...service.deps, config };
  const before = await counters(id);
  const tryToLogIn = (password: string) =>
    logInVerb(
      deps,
      { requestId: 'unlimited', ip: '192.0.2.1', userAgent: 'test' },
      { name: email, password, devices: [] },
    );
  for (let count = 0; count < 7; count++) {
    const attempts = [
      await takeAttempt(deps, deps.db, { userId: id }),
      await takeUnknownAttempt(deps, deps.db, 'x'),
    ];
    expect(attempts).toMatchObject(Array(2).fill({ allowed: true, lockedUntil: null }));
    await expect(tryToLogIn('wrong')).rejects.toMatchObject({ code: 'invalid_credentials' });
  }
  expect(await tryToLogIn('Correct-horse-7')).toHaveProperty('access_token');
  expect(await counters(id)).toEqual(before);
});
