// The five minutes of the README, in one process: what the service is for, from the first request to the last.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from './support/app.ts';
import { mailedToken } from './support/mails.ts';
import { member } from './support/people.ts';

const EMAIL = 'ada@example.com';
const PASSWORD = 'Analytical-engine-1843';
const NEW_PASSWORD = 'Difference-engine-1822';

let service: TestApp;
let access: string;
let refreshToken: string;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const login = (password: string) => service.call('POST', '/token', { form: { username: EMAIL, password } });
const me = (token: string) => service.call('GET', '/users/me', { token });

test('a stranger signs up in two steps, and the address waits to be verified', async () => {
  const begun = await service.call('POST', '/signup', {
    body: { first_name: 'Ada', last_name: 'Lovelace', email: EMAIL, phone_number: '+254712345678' },
  });
  expect(begun.json()).toMatchObject({ message: 'User information collected', email: EMAIL });
  const made = await service.call('POST', '/signup/set-password', {
    body: {
      email: EMAIL,
      password: PASSWORD,
      confirm_password: PASSWORD,
      signup_token: begun.json().signup_token,
    },
  });
  expect(made.statusCode, made.body).toBe(200);
  expect(made.json()).toMatchObject({
    email: EMAIL,
    username: EMAIL,
    roles: ['user'],
    email_verified: false,
  });
});

test('the mailed link verifies the address, once', async () => {
  const token = await mailedToken(service, 'verify-email', EMAIL);
  const verified = await service.call('POST', `/verify-email/${token}`);
  expect(verified.json()).toEqual({ message: 'Email verified successfully' });
  expect((await service.call('POST', `/verify-email/${token}`)).statusCode).toBe(404);
});

test('a login gives tokens, and a refresh gives new ones', async () => {
  const tokens = (await login(PASSWORD)).json();
  expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 1800 });
  const refreshed = await service.call('POST', '/refresh-token', {
    body: { refresh_token: tokens.refresh_token },
  });
  expect(refreshed.statusCode).toBe(200);
  expect(refreshed.json().refresh_token).not.toBe(tokens.refresh_token);
  access = refreshed.json().access_token;
  refreshToken = refreshed.json().refresh_token;
  expect((await me(access)).json()).toMatchObject({ email: EMAIL, email_verified: true });
});

test('the profile is edited, and nothing but the profile', async () => {
  const body = { full_name: 'Ada, Countess of Lovelace' };
  expect((await service.call('PUT', '/users/me', { token: access, body })).json()).toMatchObject(body);
  const promoted = await service.call('PUT', '/users/me', { token: access, body: { roles: ['admin'] } });
  expect([promoted.statusCode, promoted.json().detail[0].type]).toEqual([422, 'extra_forbidden']);
});

test('an administrator gives a role, which holds at once', async () => {
  const admin = await member(service, { roles: ['admin'] });
  const { id } = (await me(access)).json();
  const role = { name: 'reader', description: 'Sees accounts', permissions: ['users:read'] };
  expect((await service.call('POST', '/roles', { token: admin.token, body: role })).statusCode).toBe(201);
  expect((await service.call('GET', '/users', { token: access })).statusCode).toBe(403);
  const granted = await service.call('PUT', `/users/${id}/roles`, {
    token: admin.token,
    body: { roles: ['user', 'reader'] },
  });
  expect(granted.statusCode, granted.body).toBe(200);
  expect((await service.call('GET', '/users', { token: access })).statusCode).toBe(200);
  expect((await me(access)).json().roles).toEqual(['reader', 'user']);
});

test('a mailed reset replaces the password and ends every session', async () => {
  await service.call('POST', '/password-reset/request', { body: { email: EMAIL } });
  const token = await mailedToken(service, 'reset-password', EMAIL);
  const reset = await service.call('POST', '/password-reset/confirm', {
    body: { token, new_password: NEW_PASSWORD, confirm_new_password: NEW_PASSWORD },
  });
  expect(reset.json()).toEqual({ message: 'Password updated successfully' });
  expect((await me(access)).statusCode).toBe(401);
  const refreshed = await service.call('POST', '/refresh-token', { body: { refresh_token: refreshToken } });
  expect(refreshed.statusCode).toBe(401);
  expect((await login(PASSWORD)).statusCode).toBe(401);
});

test('a logout ends the access token and its session', async () => {
  const tokens = (await login(NEW_PASSWORD)).json();
  const logout = await service.call('POST', '/logout', { token: tokens.access_token });
  expect(logout.json()).toEqual({ message: 'Successfully logged out' });
  expect((await me(tokens.access_token)).statusCode).toBe(401);
  const refreshed = await service.call('POST', '/refresh-token', {
    body: { refresh_token: tokens.refresh_token },
  });
  expect(refreshed.statusCode).toBe(401);
});
