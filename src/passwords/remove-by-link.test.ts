import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, PASSWORD, type Person, person } from '../../test/support/people.ts';
import type { Account } from '../accounts/account.ts';
import { findAccountById } from '../accounts/find.ts';
import { setPasswordOf } from '../admin/set-password.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { devicesOf } from '../throttle/device-cookie.ts';
import { findKnownDevice } from '../throttle/devices.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

test('the mailed link removes the password once, ends every session, and tells the owner', async () => {
  const { deps, call } = world;
  const ada = await person(world);
  const { access_token, device_token } = await logIn(world, ada);
  expect(await knowsDevice(ada, device_token)).toBe(true);
  const { token } = await issueChallenge(deps, deps.db, {
    purpose: 'remove-password',
    userId: ada.id,
    sentTo: ada.email,
    lifetime: 3600,
  });
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => call('POST', '/password/remove', { body: { token } })),
  );
  expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([
    200, 400, 400, 400, 400,
  ]);
  expect(answers.find(({ statusCode }) => statusCode === 400)?.json().code).toBe('invalid_link');
  expect((await call('GET', '/users/me', { token: access_token })).statusCode).toBe(401);
  const login = await call('POST', '/token', { form: { username: ada.email, password: PASSWORD } });
  expect(login.json().code).toBe('invalid_credentials');
  expect((await mailsTo(world, ada.email)).map(({ template }) => template)).toContain('password-removed');
  expect(await knowsDevice(ada, device_token)).toBe(false);
});

test('the link outlives a change of the password, which may be whose it was made against', async () => {
  const { deps, call } = world;
  const ada = await person(world);
  const { access_token: thief } = await logIn(world, ada);
  const link = { purpose: 'remove-password', userId: ada.id, sentTo: ada.email, lifetime: 60 } as const;
  const { token } = await issueChallenge(deps, deps.db, link);
  const [new_password, current_password] = ['Another-horse-battery-2', PASSWORD];
  const body = { current_password, new_password, confirm_new_password: new_password };
  expect((await call('POST', '/users/me/password', { token: thief, body })).statusCode).toBe(204);

  expect((await call('POST', '/password/remove', { body: { token } })).statusCode).toBe(200);
  const login = await call('POST', '/token', { form: { username: ada.email, password: new_password } });
  expect(login.json().code).toBe('invalid_credentials');
  expect((await call('GET', '/users/me', { token: thief })).statusCode).toBe(401);
});

test('the link ends with a reset, whose password its owner has chosen', async () => {
  const { deps, call } = world;
  const ada = await person(world);
  const link = { purpose: 'remove-password', userId: ada.id, sentTo: ada.email, lifetime: 60 } as const;
  const { token } = await issueChallenge(deps, deps.db, link);
  await call('POST', '/password-reset/request', { body: { email: ada.email } });
  const reset = await mailedToken(world, 'reset-password', ada.email);
  const password = 'Another-horse-battery-2';
  const body = { token: reset, new_password: password, confirm_new_password: password };
  expect((await call('POST', '/password-reset/confirm', { body })).statusCode).toBe(200);
  expect((await call('POST', '/password/remove', { body: { token } })).json().code).toBe('invalid_link');
  await logIn(world, { ...ada, password });
});

test('a change of address that a thief has begun ends with the password, by the link or by the operator', async () => {
  const { deps, call } = world;
  const remove = async ({ id, email }: Person) => {
    const link = { purpose: 'remove-password', userId: id, sentTo: email, lifetime: 60 } as const;
    const { token } = await issueChallenge(deps, deps.db, link);
    return call('POST', '/password/remove', { body: { token } });
  };
  const set = async ({ id }: Person) => {
    const account = (await findAccountById(deps.db, id)) as Account;
    const hash = await deps.hasher.hash('Another-horse-9');
    return setPasswordOf(deps, { kind: 'operator', caller: null, permissions: new Set() }, { account, hash });
  };
  for (const takeBack of [remove, set]) {
    const ada = await person(world);
    const { access_token } = await logIn(world, ada);
    const email = `thief-${ada.email}`;
    await call('PUT', '/users/me', { token: access_token, body: { email } });
    await takeBack(ada);
    expect((await findAccountById(deps.db, ada.id))?.pending_email).toBeNull();
    const token = await mailedToken(world, 'email-change-confirm', email);
    expect((await call('POST', `/verify-email/${token}`)).statusCode).toBe(404);
  }
});

test('a link that went to a former address, or is of another purpose, removes nothing', async () => {
  const { deps, call } = world;
  const ada = await person(world);
  for (const [purpose, sentTo] of [
    ['remove-password', 'former@example.com'],
    ['reset-password', ada.email],
  ] as const) {
    const { token } = await issueChallenge(deps, deps.db, { purpose, userId: ada.id, sentTo, lifetime: 60 });
    expect((await call('POST', '/password/remove', { body: { token } })).json().code).toBe('invalid_link');
  }
  await logIn(world, ada);
});

async function knowsDevice({ id }: Person, token: string | undefined): Promise<boolean> {
  const { db } = world.deps;
  return (await findKnownDevice(db, id, devicesOf(world.deps, undefined, token))) !== null;
}
