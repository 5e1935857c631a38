// What the original did with tokens and accounts, and this service must never do again. What it did and other suites hold:
// accounts linked by address alone, and mock_google_token_* (test/contract/registration, src/federation/google); "Email
// already registered" to whoever asks (test/enumeration); tables made beside the migrations (test/migrations/check);
// the password grant for third parties (there is one login, for first-party clients: test/contract/refusals/tokens).
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { openKeyRing } from '../../src/keys/key-ring.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { testConfig } from '../support/deps.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, PASSWORD, person } from '../support/people.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const codeOf = (answer: { statusCode: number; json(): { code?: string } }) => [
  answer.statusCode,
  answer.json().code,
];
const refresh = (refresh_token: string) => world.call('POST', '/refresh-token', { body: { refresh_token } });
const me = (token: string) => world.call('GET', '/users/me', { token });
const login = (username: string, password = PASSWORD) =>
  world.call('POST', '/token', { form: { username, password } });
const claimsOf = (token: string) => world.deps.keys.verify(token) as { roles: readonly string[] };
async function member(options: Parameters<typeof person>[1] = {}) {
  const who = await person(world, options);
  return { who, ...(await logIn(world, who)) };
}
const asAdmin = async (method: 'PATCH' | 'PUT', url: string, body: object) => {
  const { access_token: token } = await member({ roles: ['admin'] });
  const answer = await world.call(method, url, { token, body });
  expect(answer.statusCode, answer.body).toBe(200);
};

/** A JWT as the original made them: the shared secret, HS256, and whatever claims. */
function originalToken(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(world.deps.clock.now().getTime() / 1000) + 3600;
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ exp, ...claims })}`;
  const mac = createHmac('sha256', testConfig.tokens.jwtSecret ?? '').update(signed);
  return `${signed}.${mac.digest('base64url')}`;
}

test('whatever is signed with the shared secret is no access token: a refresh or reset token of the original is none', async () => {
  const { who } = await member();
  for (const claims of [
    { sub: who.email, roles: ['admin'] },
    { sub: who.id, roles: ['admin'] },
    { sub: who.email, type: 'refresh' },
    { sub: who.email, purpose: 'password_reset' },
    { sub: who.id, purpose: 'password_reset', iss: 'http://localhost:8000', aud: 'entrecore' },
  ]) {
    const token = originalToken(claims);
    expect(codeOf(await me(token))).toEqual([401, 'invalid_token']);
    expect(codeOf(await refresh(token))).toEqual([401, 'invalid_refresh_token']);
    const body = { token, new_password: 'Entirely-other-7', confirm_new_password: 'Entirely-other-7' };
    const answer = await world.call('POST', '/password-reset/confirm', { body });
    expect(codeOf(answer)).toEqual([400, 'invalid_reset_token']);
  }
});

test('a logout holds on another replica and after a restart, for the refresh token as for the access token', async () => {
  const { access_token, refresh_token } = await member();
  expect((await world.call('POST', '/logout', { token: access_token })).statusCode).toBe(200);
  const { deps } = world;
  const db = openDatabase({ connection: { connectionString: deps.databaseUrl }, poolMax: 2, prepare: true });
  const elsewhere = { ...deps, db };
  const other = await createApp({ ...elsewhere, keys: await openKeyRing(elsewhere) });
  try {
    const headers = { authorization: `Bearer ${access_token}` };
    expect(codeOf(await other.inject({ method: 'GET', url: '/users/me', headers }))).toEqual([
      401,
      'token_revoked',
    ]);
    const payload = { refresh_token };
    expect(codeOf(await other.inject({ method: 'POST', url: '/refresh-token', payload }))).toEqual([
      401,
      'invalid_refresh_token',
    ]);
  } finally {
    await other.close();
    await db.close();
  }
});

test('each refresh gives another refresh token, and an old one ends the session', async () => {
  const { refresh_token: first } = await member();
  const { refresh_token: second } = (await refresh(first)).json();
  const { refresh_token: third } = (await refresh(second)).json();
  expect(new Set([first, second, third]).size).toBe(3);
  expect(codeOf(await refresh(first))).toEqual([401, 'refresh_token_reused']);
  expect(codeOf(await refresh(third))).toEqual([401, 'invalid_refresh_token']);
});

test('a refresh gives the roles of now, not those of the login', async () => {
  const { who, access_token, refresh_token } = await member({ roles: ['admin'] });
  expect(claimsOf(access_token).roles.toSorted()).toEqual(['admin', 'user']);
  await asAdmin('PUT', `/users/${who.id}/roles`, { roles: ['user'] });
  const renewed = await refresh(refresh_token);
  expect(claimsOf(renewed.json().access_token).roles).toEqual(['user']);
});

test('a disabled account neither logs in, nor refreshes, nor is let through with a token that it has', async () => {
  const { who, access_token, refresh_token } = await member();
  await asAdmin('PATCH', `/users/${who.id}`, { disabled: true });
  expect((await me(access_token)).statusCode).toBe(401);
  expect(codeOf(await refresh(refresh_token))).toEqual([401, 'invalid_refresh_token']);
  expect(codeOf(await login(who.email))).toEqual([401, 'invalid_credentials']);
  await asAdmin('PATCH', `/users/${who.id}`, { disabled: false });
  expect((await login(who.email)).statusCode).toBe(200);
});

test("PUT /users/me changes no address before its mailbox agrees, takes nobody else's, and asks for a recent login", async () => {
  const { who, access_token: token } = await member();
  const put = (email: string) => world.call('PUT', '/users/me', { token, body: { email } });
  expect((await put('later@example.com')).json()).toMatchObject({
    email: who.email,
    pending_email: 'later@example.com',
  });
  expect((await login('later@example.com')).statusCode).toBe(401);
  expect((await mailsTo(world, who.email)).map(({ template }) => template)).toContain('email-change-notice');
  const other = await person(world);
  expect(codeOf(await put(other.email.toUpperCase()))).toEqual([409, 'address_taken']);
  world.deps.clock.advance(601);
  expect(codeOf(await put('stolen@example.com'))).toEqual([401, 'reauthentication_required']);
});

test('where it is required, an address that nobody verified logs nobody in; a verification ends after a day', async () => {
  const strict = await testApp({ requireVerifiedEmail: true });
  const names = { first_name: 'Grace', last_name: 'Hopper', phone_number: '+12125550123' };
  const email = 'unverified@example.com';
  const { signup_token } = (await strict.call('POST', '/signup', { body: { ...names, email } })).json();
  await strict.call('POST', '/signup/set-password', {
    body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token },
  });
  const form = { username: email, password: PASSWORD };
  expect(codeOf(await strict.call('POST', '/token', { form }))).toEqual([403, 'email_not_verified']);
  const [mail] = await mailsTo(strict, email);
  strict.deps.clock.advance(86_400);
  const late = await strict.call('POST', `/verify-email/${mail?.secrets.token}`);
  expect(codeOf(late)).toEqual([404, 'invalid_verification_token']);
  await strict.close();
});

test('guessing is stopped: after five wrong passwords the right one waits too', async () => {
  const { who } = await member();
  for (let attempt = 0; attempt < 5; attempt++)
    expect((await login(who.email, 'wrong')).statusCode).toBe(401);
  expect(codeOf(await login(who.email))).toEqual([429, 'too_many_attempts']);
});

test('permissions are granular: one is enough for what it names, and for nothing else', async () => {
  const { access_token: token } = await member({ roles: ['admin'] });
  const role = { name: 'reader', permissions: ['users:read'] };
  await world.call('POST', '/roles', { token, body: role });
  const { access_token: reader, who } = await member({ roles: ['reader'] });
  expect((await world.call('GET', '/users', { token: reader })).statusCode).toBe(200);
  const refused = await world.call('PATCH', `/users/${who.id}`, { token: reader, body: { disabled: true } });
  expect([...codeOf(refused), refused.json().permission]).toEqual([403, 'permission_denied', 'users:write']);
});
