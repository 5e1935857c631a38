import { hash as bcrypt } from '@node-rs/bcrypt';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, member, PASSWORD, person } from '../../test/support/people.ts';
import { openHasher } from '../platform/hasher.ts';
import { Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import { login as loginVerb } from './login.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const store = (id: string, hash: string) =>
  world.deps.db.run(sql`update passwords set hash = ${hash} where user_id = ${id}::uuid`);
const stored = (id: string) =>
  world.deps.db.row<{ hash: string; weak: boolean }>(
    sql`select hash, weak from passwords where user_id = ${id}::uuid`,
  );
const events = async (id: string) =>
  (
    await world.deps.db.rows<{ type: string }>(
      sql`select type from audit_events where user_id = ${id}::uuid order by created_at, id`,
    )
  ).map(({ type }) => type);
const login = (email: string, password: string, at = world) =>
  at.call('POST', '/token', { form: { username: email, password } });

test('a login stores a stronger hash of another algorithm, a lower cost, or a truncated password', async () => {
  const ada = await person(world);
  const long = 'Correct horse battery staple '.repeat(4);
  const argon2 = openHasher({ ...world.deps.config.passwords, hash: 'argon2id' });
  for (const [password, weaker] of [
    [PASSWORD, await argon2.hash(PASSWORD)],
    [long, await bcrypt(Buffer.from(long), { cost: 4 })],
  ] as const) {
    await store(ada.id, weaker);
    expect((await login(ada.email, password)).statusCode).toBe(200);
    const { hash } = (await stored(ada.id)) ?? {};
    expect(hash).not.toBe(weaker);
    expect(hash).toMatch(password === long ? /^\$bcrypt-sha256\$v=2,t=2b,r=4\$/ : /^\$2b\$04\$/);
    expect((await login(ada.email, password)).statusCode).toBe(200);
    expect((await stored(ada.id))?.hash).toBe(hash);
  }
  expect((await login(ada.email, `${long.slice(0, 100)}!`)).statusCode).toBe(401);
  expect((await events(ada.id)).filter(type => type === 'password.rehashed')).toHaveLength(2);
});

test('whoever is in stays in where the queue is too full for a stronger hash, and an address that was given up lets nobody in', async () => {
  const ada = await person(world);
  const { deps } = world;
  const weaker = await openHasher({ ...deps.config.passwords, hash: 'argon2id' }).hash(PASSWORD);
  await store(ada.id, weaker);
  const hasher = { ...deps.hasher, hash: () => Promise.reject(new Problem('overloaded')) };
  const caller = { requestId: 'x', ip: '203.0.113.7', userAgent: '' };
  const credentials = { name: ada.email, password: PASSWORD, devices: [] };
  expect(await loginVerb({ ...deps, hasher }, caller, credentials)).toHaveProperty('access_token');
  expect((await stored(ada.id))?.hash).toBe(weaker);

  const until = new Date(deps.clock.now().getTime() + 60_000);
  await deps.db.run(sql`
    insert into identifiers (key, user_id, kind, reserved_until)
    values ('given-up@example.com', ${ada.id}::uuid, 'reserved', ${until}::timestamptz)`);
  expect((await login('given-up@example.com', PASSWORD)).statusCode).toBe(401);
});

test('a stored hash that no login computes answers as a wrong password does, and is an error in the log', async () => {
  const ada = await person(world);
  const { access_token: token } = await logIn(world, ada);
  const sound = (await stored(ada.id))?.hash as string;
  const wrong = (await login(ada.email, 'wrong')).json();
  const error = vi.spyOn(world.deps.log, 'error');
  const answers = async () => {
    const refused = await login(ada.email, PASSWORD);
    expect(refused.statusCode).toBe(401);
    expect({ ...refused.json(), request_id: wrong.request_id }).toEqual(wrong);
    const again = await world.call('POST', '/token/reauthenticate', { token, body: { password: PASSWORD } });
    const change = await world.call('POST', '/users/me/password', {
      token,
      body: {
        current_password: PASSWORD,
        new_password: 'Other-pass-77',
        confirm_new_password: 'Other-pass-77',
      },
    });
    return [again.json().code, change.json().code];
  };
  const argon2 =
    '$argon2id$v=19$m=1073741824,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  await store(ada.id, argon2);
  expect(await answers()).toEqual(['invalid_credentials', 'wrong_password']);
  const line = { request_id: expect.any(String), user_id: ada.id };
  expect(error.mock.calls.map(([members]) => members)).toEqual(Array(3).fill(line));
  expect(JSON.stringify(error.mock.calls)).not.toContain('argon2id');

  error.mockClear();
  await store(ada.id, sound);
  await login(ada.email, 'wrong');
  expect(error).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

test('a password that the policy refuses today lets in, is flagged, and is not once it is changed', async () => {
  const ada = await person(world);
  await store(ada.id, await world.deps.hasher.hash('password1'));
  const answer = await login(ada.email, 'password1');
  expect(answer.json()).toMatchObject({ token_type: 'bearer', password_weak: true });
  expect((await stored(ada.id))?.weak).toBe(true);
  const changed = await world.call('POST', '/users/me/password', {
    token: answer.json().access_token,
    body: { current_password: 'password1', new_password: PASSWORD, confirm_new_password: PASSWORD },
  });
  expect(changed.statusCode).toBe(204);
  expect((await stored(ada.id))?.weak).toBe(false);
  expect((await login(ada.email, PASSWORD)).json()).not.toHaveProperty('password_weak');
});

test('the right password of a disabled account is answered as a wrong one, before anything else would be asked', async () => {
  const ada = await person(world);
  await world.deps.db.run(
    sql`update users set disabled_at = created_at, mfa_enabled = true where id = ${ada.id}::uuid`,
  );
  const [right, wrong] = [await login(ada.email, PASSWORD), await login(ada.email, 'wrong')];
  expect(right.statusCode).toBe(401);
  expect({ ...right.json(), request_id: null }).toEqual({ ...wrong.json(), request_id: null });
  const reasons = await world.deps.db.rows(
    sql`select type, reason from audit_events where user_id = ${ada.id}::uuid order by created_at, id`,
  );
  expect(reasons).toEqual([
    { type: 'login.failed', reason: 'account_disabled' },
    { type: 'login.failed', reason: 'wrong_password' },
  ]);
});

test('of a failed login the trail keeps the name that somebody has, or an address, and no password in its place', async () => {
  const admin = await member(world, { roles: ['admin'] });
  const ada = await person(world);
  const kept = async (name: string) => {
    await login(name, 'wrong');
    const trail = await world.call('GET', '/audit-events?type=login.failed&limit=1', { token: admin.token });
    return trail.json().items[0].data;
  };
  expect(await kept(ada.email)).toEqual({ name: ada.email });
  await world.deps.db.run(sql`
    insert into identifiers (key, user_id, kind) values ('ada.lovelace', ${ada.id}::uuid, 'username')`);
  expect(await kept('Ada.Lovelace')).toEqual({ name: 'Ada.Lovelace' });
  expect(await kept('nobody@example.com')).toEqual({ name: 'nobody@example.com' });
  for (const typed of [PASSWORD, 'P@ssw0rd', 'p@ss word.example']) expect(await kept(typed)).toEqual({});
  const locked = () => login(PASSWORD, 'wrong');
  while ((await locked()).statusCode !== 429);
  const refused = await world.call('GET', '/audit-events?type=login.refused&limit=1', { token: admin.token });
  expect(refused.json().items[0]).toMatchObject({ reason: 'too_many_attempts', data: {} });
});

test('a login that finds the hash queue full is told to come back, and costs no attempt', async () => {
  const busy = await testApp({ passwords: { bcryptCost: 10, queueMax: 1 } });
  try {
    const ada = await person(busy);
    const answers = await Promise.all(Array.from({ length: 30 }, () => login(ada.email, 'wrong', busy)));
    const overloaded = answers.filter(({ statusCode }) => statusCode === 503);
    expect(overloaded.length).toBeGreaterThan(0);
    for (const answer of overloaded) {
      expect(answer.json().code).toBe('overloaded');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    const guesses = answers.filter(({ statusCode }) => statusCode === 401).length;
    expect(guesses).toBeLessThanOrEqual(5);
    if (guesses < 5) await logIn(busy, ada);
  } finally {
    await busy.close();
  }
});

test('an expired password lets nobody in, and the answer carries the way to a new one', async () => {
  const strict = await testApp({ passwords: { maxAgeDays: 90 } });
  try {
    // Whose password was set at the same moment.
    const [ada] = [await person(strict), await person(strict)];
    expect((await login(ada.email, PASSWORD, strict)).statusCode).toBe(200);
    strict.deps.clock.advance(90 * 86_400 + 1);
    expect((await login(ada.email, 'wrong', strict)).json().code).toBe('invalid_credentials');
    // Whose password is right is not guessing, however often.
    for (let turn = 0; turn < 5; turn++)
      expect((await login(ada.email, PASSWORD, strict)).statusCode).toBe(403);
    const expired = await login(ada.email, PASSWORD, strict);
    expect(expired.statusCode).toBe(403);
    expect(
      await strict.deps.db.row(sql`
        select count(*) as n from audit_events
        where user_id = ${ada.id}::uuid and type = 'login.refused' and reason = 'password_expired'`),
    ).toEqual({ n: 6 });
    expect(expired.json()).toMatchObject({
      code: 'password_expired',
      reset_token: expect.stringMatching(/^[\w-]{43}$/),
    });
    const NEW = 'Entirely-other-7';
    const reset = await strict.call('POST', '/password-reset/confirm', {
      body: { token: expired.json().reset_token, new_password: NEW, confirm_new_password: NEW },
    });
    expect(reset.statusCode).toBe(200);
    expect((await login(ada.email, NEW, strict)).statusCode).toBe(200);
  } finally {
    await strict.close();
  }
});

test('whoever logged in leaves every connection as it was: what commits on it later waits for the disk', async () => {
  const ada = await person(world);
  const { db, config } = world.deps;
  for (const password of ['wrong', PASSWORD]) await login(ada.email, password);
  const sources = await Promise.all(
    Array.from({ length: config.database.poolMax }, () =>
      db.row(sql`select source from pg_settings where name = 'synchronous_commit'`),
    ),
  );
  expect(sources).not.toContainEqual({ source: 'session' });
});
