import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { request, type ServiceProcess, startService } from '../support/service.ts';

// The log of a whole process at its most talkative: what came in and went out as a secret is not in it.

const ROOT = 'root-secret-canary-of-32-bytes-or-more';
const JWT = 'jwt-secret-canary-of-32-bytes-or-more!';
const PASSWORD = 'Canary-password-1843';

let database: TestDatabase;
let service: ServiceProcess;
beforeAll(async () => {
  database = await testDatabase();
  service = await startService({
    DATABASE_URL: database.url,
    JWT_SECRET_KEY: JWT,
    AUTH_ROOT_SECRET: ROOT,
    MIGRATE_ON_START: 'true',
    BCRYPT_COST: '4',
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'trace',
  });
}, 120_000);
afterAll(async () => {
  await service.stop('SIGTERM');
  await database.close();
}, 60_000);

const call = (method: string, path: string, options?: Parameters<typeof request>[2]) =>
  request(method, `${service.url}${path}`, options);

test('whoever looks a reference up in the log reads why the request was refused, for the API and for a page', async () => {
  await call('GET', '/users/me');
  const page = await fetch(`${service.url}/account/sign-in`, { method: 'POST', body: new URLSearchParams() });
  const reference = /<code>([\w-]+)<\/code>/.exec(await page.text())?.[1] as string;
  await expect.poll(() => service.output()).toContain(reference);
  const lines = service.output().split('\n');
  expect(lines.find(line => line.includes(reference))).toContain('"status":403,"problem":"form_refused"');
  expect(lines.find(line => line.includes('/users/me'))).toContain(
    '"status":401,"problem":"not_authenticated"',
  );

  const form = await fetch(`${service.url}/account/sign-in`);
  const cookie = String(form.headers.get('set-cookie')).split(';')[0] as string;
  const token = /name="form_token" value="([^"]+)"/.exec(await form.text())?.[1] as string;
  const body = new URLSearchParams({ form_token: token, username: 'nobody@example.com', password: 'guess' });
  const headers = { cookie, 'x-request-id': 'a-form-of-ours' };
  await fetch(`${service.url}/account/sign-in`, { method: 'POST', headers, body });
  await expect
    .poll(() => service.output())
    .toMatch(/a-form-of-ours.*"status":401,"problem":"invalid_credentials"/);
});

test('no password, token, code or secret reaches the log, by whichever door it comes (ASVS 16.2.5)', async () => {
  const email = 'canary@example.com';
  const secrets: string[] = [ROOT, JWT, PASSWORD];
  const names = { first_name: 'Ada', last_name: 'Lovelace', phone_number: '+254712345678' };
  const { signup_token } = (await call('POST', '/signup', { body: { ...names, email } })).body;
  await call('POST', '/signup/set-password', {
    body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token },
  });
  const first = (await call('POST', '/token', { form: { username: email, password: PASSWORD } })).body;
  // The deprecated query, at the root, under the prefix, and with something wrong about it.
  const second = (await call('POST', `/refresh-token?token=${first.refresh_token}`)).body;
  const third = (await call('POST', `/api/v1/refresh-token?token=${second.refresh_token}`)).body;
  await call('POST', `/refresh-token?token=${third.refresh_token}&token=${third.refresh_token}`);
  secrets.push(signup_token as string);
  for (const tokens of [first, second, third])
    secrets.push(tokens.access_token as string, tokens.refresh_token as string);
  const token = third.access_token as string;
  await call('GET', '/users/me', { token });
  await call('GET', `/users/me?access_token=${token}`);
  const { secret = '' } = (await call('POST', '/mfa/totp', { token })).body;
  secrets.push(secret);
  await call('POST', '/mfa/totp/confirm', { token, body: { code: '918273' } });
  secrets.push('918273');

  const guess = 'Guess-canary-2026';
  await call('POST', '/token', { form: { username: email, password: guess } });
  await call('POST', `/password-reset/confirm?new_password=${guess}&token=reset-canary`);
  await call('POST', '/verify-email/verification-canary');
  await call('GET', '/oauth/nonesuch/callback?code=code-canary&state=state-canary');
  // As many people do, once: the password where the name belongs.
  await fetch(`${service.url}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Basic Y2FuYXJ5OmNhbmFyeQ==' },
    body: `{"username": "${email}", "password": "${guess}"`,
  });
  await fetch(`${service.url}/users/me`, {
    headers: { cookie: 'device=cookie-canary', 'x-request-id': 'trace-of-a-request' },
  });
  await fetch(`${service.url}/verify-email/%ff`, { headers: { 'x-request-id': 'trace-of-no-text' } });
  secrets.push(guess, 'reset-canary', 'verification-canary', 'code-canary', 'state-canary');
  secrets.push('Y2FuYXJ5OmNhbmFyeQ==', 'cookie-canary');

  await expect.poll(() => service.output()).toContain('/oauth/');
  expect(await service.stop('SIGTERM')).toBe(0);
  const log = service.output();
  expect(log).toContain('/refresh-token');
  for (const id of ['trace-of-a-request', 'trace-of-no-text']) expect(log).toContain(`"request_id":"${id}"`);
  const leaked = secrets.filter(each => each.length > 0 && log.includes(each));
  expect(leaked).toEqual([]);
  for (const part of secrets.filter(each => each.includes('.')))
    expect(log).not.toContain(part.split('.')[2]);
});
