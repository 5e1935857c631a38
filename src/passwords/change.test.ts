import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { heldHasher } from '../../test/support/held-hasher.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, PASSWORD, type Person, person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';
import { authenticate } from '../sessions/authenticate.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { changePassword } from './change.ts';
import { removePassword } from './set.ts';

const NEW = 'Entirely-other-7';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const change = (token: string, current: string, password: string, confirmation = password) =>
  world.call('POST', '/users/me/password', {
    token,
    body: { current_password: current, new_password: password, confirm_new_password: confirmation },
  });
const login = ({ email }: Person, password: string) =>
  world.call('POST', '/token', { form: { username: email, password } });

test('a change ends every other session, keeps this one, voids reset links and tells the owner', async () => {
  const ada = await person(world);
  const [here, elsewhere] = [await logIn(world, ada), await logIn(world, ada)];
  await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const answer = await change(here.access_token, PASSWORD, NEW);
  expect(answer.statusCode, answer.body).toBe(204);
  expect(answer.body).toBe('');
  expect((await world.call('GET', '/users/me', { token: here.access_token })).statusCode).toBe(200);
  expect((await world.call('GET', '/users/me', { token: elsewhere.access_token })).statusCode).toBe(401);
  expect((await login(ada, PASSWORD)).statusCode).toBe(401);
  expect((await login(ada, NEW)).statusCode).toBe(200);
  const mails = await mailsTo(world, ada.email);
  expect(mails.map(({ template }) => template)).toContain('password-changed');
  const token = mails.find(({ template }) => template === 'reset-password')?.secrets.token;
  const reset = await world.call('POST', '/password-reset/confirm', {
    body: { token, new_password: `${NEW}8`, confirm_new_password: `${NEW}8` },
  });
  expect(reset.json().code).toBe('invalid_reset_token');
});

test('whoever got another address while the hash was made is told at that one', async () => {
  const ada = await person(world);
  const { access_token: token } = await logIn(world, ada);
  const next = `next-${ada.email}`;
  await world.call('PUT', '/users/me', { token, body: { email: next } });
  const confirm = await mailedToken(world, 'email-change-confirm', next);
  const held = heldHasher(world.deps.config.passwords);
  const deps = { ...world.deps, hasher: held.hasher };
  const caller = { requestId: 'held', ip: '127.0.0.1', userAgent: 'test' };
  const principal = await authenticate(deps, token, caller, { access: 'user', recent: false });
  let changing: Promise<void> | undefined;
  await held.whileBusy(async () => {
    changing = changePassword(deps, principal as UserPrincipal, {
      current: PASSWORD,
      password: NEW,
      confirmation: NEW,
    });
    expect((await world.call('POST', `/verify-email/${confirm}`)).statusCode).toBe(200);
  });
  await changing;
  const told = async (to: string) =>
    (await mailsTo(world, to)).some(({ template }) => template === 'password-changed');
  expect([await told(ada.email), await told(next)]).toEqual([false, true]);
});

test('an unproven mailbox is not told the name that whoever signed up with it typed', async () => {
  for (const verified of [true, false]) {
    const ada = await person(world, { verified });
    await change((await logIn(world, ada)).access_token, PASSWORD, NEW);
    const notice = (await mailsTo(world, ada.email)).find(({ template }) => template === 'password-changed');
    expect(notice?.params.name).toBe(verified ? 'Ada' : undefined);
  }
});

test('a wrong current password changes nothing and counts on the account’s attempts', async () => {
  const ada = await person(world);
  const { access_token, device_token } = await logIn(world, ada);
  expect(device_token).toBeDefined();
  for (let attempt = 0; attempt < 5; attempt++) {
    const wrong = await change(access_token, 'wrong', NEW);
    expect(wrong.statusCode).toBe(400);
    expect(wrong.json().code).toBe('wrong_password');
  }
  const locked = await change(access_token, PASSWORD, NEW);
  expect(locked.statusCode).toBe(429);
  expect(locked.json().code).toBe('too_many_attempts');
});

test('a password and its confirmation are the same however a keyboard composes their accents', async () => {
  const { access_token } = await logIn(world, await person(world));
  const answer = await change(access_token, PASSWORD, 'Zo\u00eb-sails-9', 'Zoe\u0308-sails-9');
  expect(answer.statusCode, answer.body).toBe(204);
});

test('the new password must keep the policy, be confirmed, and not be one of the last ones', async () => {
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  const detail = async (current: string, password: string, confirmation?: string) =>
    (await change(access_token, current, password, confirmation)).json().detail[0];
  expect(await detail(PASSWORD, 'short')).toMatchObject({ loc: ['body', 'new_password'] });
  expect(await detail(PASSWORD, NEW, `${NEW}x`)).toMatchObject({ loc: ['body', 'confirm_new_password'] });
  expect(await detail(PASSWORD, PASSWORD)).toMatchObject({
    type: 'password_used_before',
    loc: ['body', 'new_password'],
  });
  const passwords = [PASSWORD, ...Array.from({ length: 6 }, (_, index) => `Entirely-other-${index}`)];
  for (let index = 1; index < passwords.length; index++) {
    expect(
      (await change(access_token, passwords[index - 1] as string, passwords[index] as string)).statusCode,
    ).toBe(204);
  }
  // The present one and the five before it are refused; the one before those is free again.
  for (const used of passwords.slice(1)) {
    expect(await detail(passwords[6] as string, used)).toMatchObject({ type: 'password_used_before' });
  }
  expect((await change(access_token, passwords[6] as string, PASSWORD)).statusCode).toBe(204);
  expect(
    await world.deps.db.row(sql`select count(*) as n from password_history where user_id = ${ada.id}::uuid`),
  ).toEqual({ n: 5 });
});

test('of four changes at once with the same current password, one is made', async () => {
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  const answers = await Promise.all(
    Array.from({ length: 4 }, (_, index) => change(access_token, PASSWORD, `Entirely-other-${index}`)),
  );
  expect(answers.filter(({ statusCode }) => statusCode === 204)).toHaveLength(1);
  expect(answers.filter(({ statusCode }) => statusCode === 400)).toHaveLength(3);
});

test('a login that is not recent must be renewed first', async () => {
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  world.deps.clock.advance(601);
  const answer = await change(access_token, PASSWORD, NEW);
  expect(answer.statusCode).toBe(401);
  expect(answer.json().code).toBe('reauthentication_required');
});

test('an account without a password is told so', async () => {
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  await world.deps.db.transaction(tx => removePassword(tx, ada.id));
  const answer = await change(access_token, PASSWORD, NEW);
  expect(answer.statusCode).toBe(409);
  expect(answer.json().code).toBe('no_password');
});

test('POST /password/check scores, lists issues and advises, and takes nothing else', async () => {
  const report = await world.call('POST', '/password/check', {
    body: { password: 'Lovelace1815', email: 'ada@example.com', names: ['Ada', 'Lovelace'] },
  });
  expect(report.statusCode, report.body).toBe(200);
  expect(report.headers['cache-control']).toBe('no-store');
  expect(report.json()).toMatchObject({
    acceptable: false,
    issues: [{ type: 'password_own_words', loc: ['body', 'password'] }],
  });
  const good = await world.call('POST', '/password/check', {
    body: { password: 'eleven Purple teapots, 1843' },
  });
  expect(good.json()).toEqual({ score: 4, acceptable: true, issues: [], advice: [] });
  const extra = await world.call('POST', '/password/check', { body: { password: 'x', user: 'y' } });
  expect(extra.statusCode).toBe(422);
});
