import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { signedIn } from '../../test/support/person.ts';
import { sql } from '../platform/sql.ts';
import { checkOrGiveBack, lockoutsOf, takeAttempt, unlockAccount } from './lockout.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const login = (username: string, password: string) =>
  service.call('POST', '/token', { form: { username, password } });
const counters = (userId: string) =>
  service.deps.db.rows(
    sql`select failures, locks, locked_until from lockouts where user_id = ${userId}::uuid`,
  );

test('a login leaves a counter without failures, which nobody is shown, and which gives no further guess', async () => {
  const { id, email } = await signedIn(service);
  expect(await counters(id)).toEqual([{ failures: 0, locks: 0, locked_until: null }]);
  expect(await lockoutsOf(service.deps.db, id)).toEqual([]);
  const statuses = await Promise.all(
    Array.from({ length: 20 }, async () => (await login(email, 'wrong')).statusCode),
  );
  expect(statuses.toSorted((a, b) => a - b)).toEqual([
    ...Array.from({ length: 5 }, () => 401),
    ...Array.from({ length: 15 }, () => 429),
  ]);
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
    expect(await counters(id)).toMatchObject([{ failures: 4, locked_until: null }]);
  }
});

test('to lift a lock forgets how often there was one, also where no failure is left', async () => {
  const { id } = await signedIn(service);
  const { db } = service.deps;
  await db.run(sql`update lockouts set locks = 2 where user_id = ${id}::uuid`);
  expect(await lockoutsOf(db, id)).toMatchObject([{ failures: 0 }]);
  expect(await unlockAccount(db, id)).toBe(1);
  expect(await counters(id)).toEqual([]);
});
