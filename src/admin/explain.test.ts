import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { sql } from '../platform/sql.ts';

let service: TestApp;
let token: string;
beforeAll(async () => {
  service = await testApp();
  token = (await logIn(service, await person(service, { roles: ['admin'] }))).access_token;
});
afterAll(() => service.close());

const explainOf = async ({ id }: Person) =>
  (await service.call('GET', `/users/${id}/explain`, { token })).json() as {
    can_log_in: boolean;
    obstacles: { code: string; until: string | null }[];
    failures: { count: number; known_device: boolean }[];
    recent: { type: string; reason: string | null }[];
  };

test('an account that nothing hinders can log in', async () => {
  expect(await explainOf(await person(service))).toMatchObject({
    can_log_in: true,
    obstacles: [],
    failures: [],
  });
});

test('a lock is told with its end, its count and the failures behind it', async () => {
  const who = await person(service);
  for (let index = 0; index < 5; index++) {
    await service.call('POST', '/token', { form: { username: who.email, password: 'wrong' } });
  }
  const told = await explainOf(who);
  expect(told.can_log_in).toBe(false);
  expect(told.obstacles).toEqual([
    expect.objectContaining({
      code: 'locked',
      until: new Date(service.deps.clock.now().getTime() + 900_000).toISOString(),
    }),
  ]);
  expect(told.failures).toEqual([expect.objectContaining({ count: 5, known_device: false })]);
  expect(told.recent).toContainEqual(
    expect.objectContaining({ type: 'login.failed', reason: 'wrong_password' }),
  );
});

test('a disabled account without a password says both', async () => {
  const who = await person(service);
  const { db, clock } = service.deps;
  await db.run(sql`update users set disabled_at = ${clock.now()}::timestamptz where id = ${who.id}::uuid`);
  await db.run(sql`delete from passwords where user_id = ${who.id}::uuid`);
  const told = await explainOf(who);
  expect(told.obstacles.map(({ code }) => code)).toEqual(['disabled', 'no_password']);
});

test('a stored hash that no login computes is told as no password', async () => {
  const who = await person(service);
  await service.deps.db.run(
    sql`update passwords set hash = ${'$bcrypt-sha256$nonsense'} where user_id = ${who.id}::uuid`,
  );
  expect(await explainOf(who)).toMatchObject({
    can_log_in: false,
    obstacles: [{ code: 'no_password', message: expect.stringContaining('The stored hash') }],
  });
});

test('a role that requires a second factor hinders whoever has none, but nobody who has a passkey', async () => {
  const role = { name: 'guard', permissions: ['users:read'], mfa_required: true };
  await service.call('POST', '/roles', { token, body: role });
  const who = await person(service, { roles: ['guard'] });
  expect(await explainOf(who)).toMatchObject({ factors: [], obstacles: [{ code: 'factor_required' }] });
  const { access_token } = await logIn(service, who);
  const { options } = (await service.call('POST', '/mfa/passkeys/options', { token: access_token })).json();
  const body = { name: 'Laptop', response: softAuthenticator().create(options) };
  await service.call('POST', '/mfa/passkeys', { token: access_token, body });
  expect(await explainOf(who)).toMatchObject({ factors: ['passkey'], obstacles: [] });
});

test('it needs users:read', async () => {
  const who = await person(service);
  const { access_token } = await logIn(service, who);
  const refused = await service.call('GET', `/users/${who.id}/explain`, { token: access_token });
  expect(refused.statusCode).toBe(403);
  expect(refused.json()).toMatchObject({ code: 'permission_denied', permission: 'users:read' });
});

test('what the trail says is for whoever may read it', async () => {
  const who = await person(service);
  await service.call('POST', '/token', { form: { username: who.email, password: 'wrong' } });
  const role = { name: 'seer', permissions: ['users:read'] };
  await service.call('POST', '/roles', { token, body: role });
  const seer = await logIn(service, await person(service, { roles: ['seer'] }));
  const told = await service.call('GET', `/users/${who.id}/explain`, { token: seer.access_token });
  expect([told.statusCode, told.json()]).toEqual([
    200,
    expect.objectContaining({ can_log_in: true, failures: [expect.anything()], recent: [] }),
  ]);
  expect((await explainOf(who)).recent).not.toEqual([]);
});

// The clock goes on: whoever is signed in by then is no longer.
test('the lock after a hundred failures in a row is told with all of them, not with those of its last window', async () => {
  const who = await person(service);
  const { clock, config, db } = service.deps;
  const fail = () => service.call('POST', '/token', { form: { username: who.email, password: 'wrong' } });
  await fail();
  await db.run(sql`update lockouts set in_a_row = 98 where user_id = ${who.id}::uuid`);
  clock.advance(config.lockout.window);
  await fail();
  await fail();
  const told = await explainOf(who);
  expect(told.obstacles).toEqual([
    {
      code: 'locked',
      until: new Date(clock.now().getTime() + config.lockout.maxDuration * 1000).toISOString(),
      message: expect.stringContaining('locked after 100 failures.'),
    },
  ]);
  expect(told.failures).toEqual([expect.objectContaining({ count: 100 })]);
});
