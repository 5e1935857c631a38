import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken } from '../../test/support/mails.ts';
import { logIn, PASSWORD, person } from '../../test/support/people.ts';
import { createApp } from '../app.ts';
import { sql } from '../platform/sql.ts';
import { login } from './login.ts';
import { replaceHash } from './login-queries.ts';
import { resetPassword } from './reset.ts';
import { setPassword } from './set.ts';

// What is written about a password while another request replaces it, or another hash of it is made.

const NEW = 'Entirely-other-7';
const CALLER = { requestId: 'x', ip: '203.0.113.7', userAgent: '' };

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const hashesOf = (userId: string) =>
  world.deps.db.rows(sql`select hash from password_history where user_id = ${userId}::uuid order by hash`);

test('a change that comes too late takes nothing from the history', async () => {
  const { deps } = world;
  const ada = await person(world);
  for (const hash of ['h1', 'h2', 'h3', 'h4', 'h5'])
    await deps.db.transaction(tx => setPassword(deps, tx, { userId: ada.id, hash }));
  const before = await hashesOf(ada.id);
  expect(before).toHaveLength(5);
  const late = { userId: ada.id, hash: 'h6', replacing: new Date(0) };
  expect(await deps.db.transaction(tx => setPassword(deps, tx, late))).toBe(false);
  expect(await hashesOf(ada.id)).toEqual(before);
});

test('a password that is found weak while a strong one takes its place does not make that one weak', async () => {
  const { deps } = world;
  const ada = await person(world);
  const strict = { ...deps.config, passwords: { ...deps.config.passwords, minLength: PASSWORD.length + 1 } };
  const strong = await deps.hasher.hash(`${NEW} and much longer than that`);
  const compare: typeof deps.hasher.compare = async (...args) => {
    const compared = await deps.hasher.compare(...args);
    deps.clock.advance(1);
    await deps.db.transaction(tx => setPassword(deps, tx, { userId: ada.id, hash: strong }));
    return compared;
  };
  const overtaken = { ...deps, config: strict, hasher: { ...deps.hasher, compare } };
  const credentials = { name: ada.email, password: PASSWORD, devices: [] };
  await expect(login(overtaken, CALLER, credentials)).rejects.toMatchObject({ code: 'invalid_credentials' });
  expect(await deps.db.row(sql`select weak from passwords where user_id = ${ada.id}::uuid`)).toEqual({
    weak: false,
  });
});

test('a change is made though a login stores another hash of the same password meanwhile', async () => {
  const { deps } = world;
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  const verify: typeof deps.hasher.verify = async (hash, ...args) => {
    const verified = await deps.hasher.verify(hash, ...args);
    if (args[0] === PASSWORD)
      await replaceHash(deps.db, { userId: ada.id, from: hash, to: await deps.hasher.hash(PASSWORD) });
    return verified;
  };
  const app = await createApp({ ...deps, hasher: { ...deps.hasher, verify } });
  const changed = await app.inject({
    method: 'POST',
    url: '/users/me/password',
    headers: { authorization: `Bearer ${access_token}` },
    payload: { current_password: PASSWORD, new_password: NEW, confirm_new_password: NEW },
  });
  expect(changed.statusCode, changed.body).toBe(204);
  await app.close();
});

test.each([
  ['is disabled', (id: string) => sql`update users set disabled_at = now() where id = ${id}::uuid`],
  [
    'gets another address',
    (id: string) => sql`update users set email = ${id} || '@x.test' where id = ${id}::uuid`,
  ],
])('a reset whose account %s while its password is hashed sets none', async (_what, change) => {
  const { deps } = world;
  const ada = await person(world);
  await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const token = await mailedToken(world, 'reset-password', ada.email);
  const hash: typeof deps.hasher.hash = async (...args) => {
    await deps.db.run(change(ada.id));
    return deps.hasher.hash(...args);
  };
  const overtaken = { ...deps, hasher: { ...deps.hasher, hash } };
  const reset = { token, password: NEW, confirmation: NEW };
  await expect(resetPassword(overtaken, CALLER, reset)).rejects.toMatchObject({
    code: 'invalid_reset_token',
  });
  expect(await hashesOf(ada.id)).toEqual([]);
});
