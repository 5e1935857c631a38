// What the original did with passwords and sign-ups, and this service must never do again. ./tokens-and-accounts.test.ts has
// the rest of the list.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { openKeyRing } from '../../src/keys/key-ring.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, PASSWORD, person } from '../support/people.ts';

const NEW = 'Entirely-other-7';
const grace = { first_name: 'Grace', last_name: 'Hopper', phone_number: '+12125550123' };

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const resetTokens = async (email: string) =>
  (await mailsTo(world, email))
    .filter(({ template }) => template === 'reset-password')
    .map(({ secrets }) => secrets.token as string);
const confirm = (token: string | undefined, password = NEW) =>
  world.call('POST', '/password-reset/confirm', {
    body: { token, new_password: password, confirm_new_password: password },
  });

test('a pending sign-up survives a restart and works on another replica (it was a dict of one process)', async () => {
  const { deps } = world;
  const first = await world.call('POST', '/signup', { body: { ...grace, email: 'replica@example.com' } });
  const db = openDatabase({ connection: { connectionString: deps.databaseUrl }, poolMax: 2, prepare: true });
  const elsewhere = { ...deps, db };
  const other = await createApp({ ...elsewhere, keys: await openKeyRing(elsewhere) });
  try {
    const second = await other.inject({
      method: 'POST',
      url: '/signup/set-password',
      headers: { cookie: String(first.headers['set-cookie']).split(';')[0] },
      payload: { email: 'replica@example.com', password: PASSWORD, confirm_password: PASSWORD },
    });
    expect(second.statusCode, second.body).toBe(200);
    expect(second.json()).toMatchObject({ full_name: 'Grace Hopper', phone_number: '+12125550123' });
  } finally {
    await other.close();
    await db.close();
  }
});

test('step 2 without step 1 makes no "Default User", nor any other', async () => {
  const answer = await world.call('POST', '/signup/set-password', {
    body: { email: 'default@example.com', password: PASSWORD, confirm_password: PASSWORD },
  });
  expect(answer.statusCode).toBe(400);
  expect(answer.json().code).toBe('signup_not_found');
  expect(
    await world.deps.db.row(sql`select count(*) as n from users where email = 'default@example.com'`),
  ).toEqual({ n: 0 });
});

test('the reset answer holds no token and does not tell who is registered', async () => {
  const ada = await person(world);
  const known = await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const unknown = await world.call('POST', '/password-reset/request', {
    body: { email: 'nobody@example.com' },
  });
  expect(known.statusCode).toBe(unknown.statusCode);
  expect(known.body).toBe(unknown.body);
  const [token] = await resetTokens(ada.email);
  expect(JSON.stringify([known.body, known.headers])).not.toContain(token);
});

test('a reset token works once, keeps the policy, and revokes what was open', async () => {
  const ada = await person(world);
  const { access_token, refresh_token } = await logIn(world, ada);
  await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const [token] = await resetTokens(ada.email);
  expect((await confirm(token, 'a')).statusCode).toBe(422);
  expect((await confirm(token)).statusCode).toBe(200);
  expect((await confirm(token, 'Yet-another-one-8')).statusCode).toBe(400);
  expect((await world.call('GET', '/users/me', { token: access_token })).statusCode).toBe(401);
  expect((await world.call('POST', '/refresh-token', { body: { refresh_token } })).statusCode).toBe(401);
});

test('the token and the new password are not taken from the query string', async () => {
  const ada = await person(world);
  await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const [token] = await resetTokens(ada.email);
  const query = `token=${token}&new_password=${NEW}&confirm_new_password=${NEW}`;
  expect((await world.call('POST', `/password-reset/confirm?${query}`)).statusCode).toBe(422);
  expect(
    (await world.call('POST', '/token', { form: { username: ada.email, password: NEW } })).statusCode,
  ).toBe(401);
});

test('a reset token and a sign-up token are no access tokens', async () => {
  const ada = await person(world);
  await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const [reset = ''] = await resetTokens(ada.email);
  const { signup_token } = (
    await world.call('POST', '/signup', { body: { ...grace, email: 'no-access@example.com' } })
  ).json();
  for (const token of [reset, signup_token]) {
    const answer = await world.call('GET', '/users/me', { token });
    expect(answer.statusCode).toBe(401);
    expect(answer.json().code).toBe('invalid_token');
  }
});

test('a name that nobody has costs a login the same hash as one that somebody has', async () => {
  const slow = await testApp({
    passwords: { bcryptCost: 9 },
    lockout: { attempts: 0 },
  });
  try {
    const ada = await person(slow);
    const time = async (username: string) => {
      const from = performance.now();
      await slow.call('POST', '/token', { form: { username, password: 'wrong' } });
      return performance.now() - from;
    };
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let round = 0; round < 20; round++) {
      known.push(await time(ada.email));
      unknown.push(await time(`nobody${round}@example.com`));
    }
    // The quickest of each, which other work on the machine held up least.
    const ratio = Math.min(...unknown) / Math.min(...known);
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.4);
  } finally {
    await slow.close();
  }
});

test('the verification mail is sent, and its token lies in no table in clear', async () => {
  const email = 'sent@example.com';
  const { signup_token } = (await world.call('POST', '/signup', { body: { ...grace, email } })).json();
  await world.call('POST', '/signup/set-password', {
    body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token },
  });
  const [mail] = await mailsTo(world, email);
  expect(mail?.template).toBe('verify-email');
  const token = mail?.secrets.token as string;
  const [row] = await world.deps.db.rows<{ text: string }>(sql`
    select (select string_agg(c::text, '') from challenges c) || (select string_agg(o::text, '') from outbox o) as text`);
  for (const secret of [token, signup_token]) {
    expect(row?.text).not.toContain(secret);
    expect(row?.text).not.toContain(Buffer.from(secret).toString('hex'));
  }
});
