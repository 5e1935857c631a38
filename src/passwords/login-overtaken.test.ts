import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, PASSWORD, type Person, person } from '../../test/support/people.ts';
import { openHasher } from '../platform/hasher.ts';
import type { Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import { login as loginVerb } from './login.ts';
import { setPassword } from './set.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

/** Dependencies whose logins check their passwords, are counted, and wait there until they may go on. */
function afterTheHash(deps: TestApp['deps']) {
  const { promise, resolve: go } = Promise.withResolvers<void>();
  let checked = 0;
  const gated: typeof deps = {
    ...deps,
    hasher: {
      ...deps.hasher,
      async compare(...args) {
        const compared = await deps.hasher.compare(...args);
        checked++;
        await promise;
        return compared;
      },
    },
  };
  return { gated, checked: () => checked, go };
}

/** A login that has checked its password and comes to what follows while another one takes its place. */
async function overtaken({ deps }: TestApp, ada: Person) {
  const { gated, checked, go } = afterTheHash(deps);
  const attempt = loginVerb(
    gated,
    { requestId: 'x', ip: '203.0.113.7', userAgent: '' },
    { name: ada.email, password: PASSWORD, devices: [] },
  );
  let outcome: string | null = null;
  const settled = attempt
    .then(
      () => 'let in',
      (error: Problem) => error.code,
    )
    .then(word => {
      outcome = word;
    });
  await vi.waitUntil(() => checked() === 1, 10_000);
  deps.clock.advance(1);
  await deps.db.transaction(async tx => {
    await setPassword(deps, tx, { userId: ada.id, hash: await deps.hasher.hash('Entirely-other-7') });
    go();
    // The login has come to its last statement, and waits for this transaction.
    const waiting = sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while (outcome === null && (await deps.db.row(waiting)) === null);
  });
  await settled;
  return outcome;
}

test('a login whose password is replaced while it is checked starts no session', async () => {
  const ada = await person(world);
  const { db } = world.deps;
  for (let count = 0; count < 3; count++)
    await world.call('POST', '/token', { form: { username: ada.email, password: 'wrong' } });
  expect(await overtaken(world, ada)).toBe('invalid_credentials');
  // It is no success that forgives what failed before it.
  expect(await db.row(sql`select failures from lockouts where user_id = ${ada.id}::uuid`)).toEqual({
    failures: 4,
  });
  expect(await db.row(sql`select count(*) as n from sessions where user_id = ${ada.id}::uuid`)).toEqual({
    n: 0,
  });
});

test('of logins that go on together, those alone are refused whose account was disabled or whose password was replaced', async () => {
  const { deps } = world;
  const people: Person[] = [];
  for (let n = 0; n < 6; n++) people.push(await person(world));
  const { gated, checked, go } = afterTheHash(deps);
  const attempts = Promise.all(
    people.map(({ email }) =>
      loginVerb(
        gated,
        { requestId: 'x', ip: '203.0.113.7', userAgent: '' },
        { name: email, password: PASSWORD, devices: [] },
      ).then(
        () => 'let in',
        (error: Problem) => error.code,
      ),
    ),
  );
  await vi.waitUntil(() => checked() === people.length, 10_000);
  deps.clock.advance(1);
  const [, disabled, replaced] = people as [Person, Person, Person];
  await deps.db.run(sql`update users set disabled_at = ${deps.clock.now()} where id = ${disabled.id}::uuid`);
  const hash = await deps.hasher.hash('Entirely-other-7');
  await deps.db.transaction(tx => setPassword(deps, tx, { userId: replaced.id, hash }));
  go();
  expect(await attempts).toEqual([
    'let in',
    'invalid_credentials',
    'invalid_credentials',
    'let in',
    'let in',
    'let in',
  ]);
  const ids = people.map(({ id }) => id);
  const sessions = await deps.db.rows<{ user_id: string; written: string }>(
    sql`select user_id, xmin::text as written from sessions where user_id = any(${ids}::uuid[])`,
  );
  expect(sessions.map(({ user_id }) => user_id).toSorted()).toEqual(
    ids.filter(id => id !== disabled.id && id !== replaced.id).toSorted(),
  );
  expect(new Set(sessions.map(({ written }) => written)).size).toBe(1);
  const events = await deps.db.rows<{ user_id: string }>(sql`
    select user_id from audit_events where type = 'login.succeeded' and user_id = any(${ids}::uuid[])`);
  expect(events.map(({ user_id }) => user_id).toSorted()).toEqual(
    sessions.map(({ user_id }) => user_id).toSorted(),
  );
});

test('an expired password that is replaced, or whose account is disabled, while it is checked gets no way to another one', async () => {
  const strict = await testApp({ passwords: { maxAgeDays: 90 } });
  try {
    const [ada, bob] = [await person(strict), await person(strict)];
    strict.deps.clock.advance(90 * 86_400 + 1);
    expect(await overtaken(strict, ada)).toBe('invalid_credentials');
    const { db, clock, hasher } = strict.deps;
    const meanwhile: typeof hasher.compare = async (...args) => {
      const compared = await hasher.compare(...args);
      await db.run(sql`update users set disabled_at = ${clock.now()} where id = ${bob.id}::uuid`);
      return compared;
    };
    await expect(
      loginVerb(
        { ...strict.deps, hasher: { ...hasher, compare: meanwhile } },
        { requestId: 'x', ip: '203.0.113.7', userAgent: '' },
        { name: bob.email, password: PASSWORD, devices: [] },
      ),
    ).rejects.toMatchObject({ code: 'invalid_credentials' });
    expect(await db.rows(sql`select purpose from challenges`)).toEqual([]);
  } finally {
    await strict.close();
  }
});

test('a password that is replaced while a login computes a stronger hash of the old one stays the new one', async () => {
  const ada = await person(world);
  const { deps } = world;
  const argon2 = openHasher({ ...deps.config.passwords, hash: 'argon2id' });
  const weaker = await argon2.hash(PASSWORD);
  await deps.db.run(sql`update passwords set hash = ${weaker} where user_id = ${ada.id}::uuid`);
  const NEW = 'Entirely-other-7';
  const hash: typeof deps.hasher.hash = async password => {
    const stronger = await deps.hasher.hash(password);
    deps.clock.advance(1);
    await setPassword(deps, deps.db as never, { userId: ada.id, hash: await deps.hasher.hash(NEW) });
    return stronger;
  };
  const attempt = loginVerb(
    { ...deps, hasher: { ...deps.hasher, hash } },
    { requestId: 'x', ip: '203.0.113.7', userAgent: '' },
    { name: ada.email, password: PASSWORD, devices: [] },
  );
  await expect(attempt).rejects.toMatchObject({ code: 'invalid_credentials' });
  await logIn(world, { ...ada, password: NEW });
  const events = await deps.db.rows(sql`select type from audit_events where user_id = ${ada.id}::uuid`);
  expect(events).toEqual(expect.not.arrayContaining([{ type: 'password.rehashed' }]));
});
