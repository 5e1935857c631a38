// The audit trail is append-only and kept for years: what strangers make up must not fill it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { openJudge } from '../support/contract.ts';
import { type LyingProvider, lyingProvider } from '../support/lying-provider.ts';
import { member, PASSWORD } from '../support/people.ts';
import { CLIENT } from '../support/sign-in-flow.ts';

let provider: LyingProvider;
let world: TestApp;
beforeAll(async () => {
  provider = await lyingProvider();
  world = await testApp({
    oidcProviders: [provider.entry()],
    redirectUris: [CLIENT],
    signInByMail: true,
    sms: { webhook: { url: 'http://127.0.0.1:9/', secret: 'a secret' } },
    rateLimit: 'on',
  });
});
afterAll(async () => {
  await world.close();
  await provider.close();
});

const events = async () =>
  (await world.deps.db.row<{ count: number }>(sql`select count(*) as count from audit_events`))?.count ?? 0;

const token = 'A'.repeat(43);
const names = { first_name: 'Ada', last_name: 'Lovelace' };
const signup = { email: 'ada@example.com', signup_token: token };
const passwords = { password: PASSWORD, confirm_password: PASSWORD };

describe('a token that nobody issued is refused, and leaves no event:', () => {
  test.each<[string, object, number]>([
    [`/verify-email/${token}`, {}, 404],
    ['/password-reset/confirm', { token, new_password: PASSWORD, confirm_new_password: PASSWORD }, 400],
    ['/password/remove', { token }, 400],
    ['/invitations/accept', { token, ...names, ...passwords }, 400],
    ['/signup/set-password', { ...signup, ...passwords }, 400],
    ['/signup/passkey/options', signup, 400],
    ['/token/mfa', { mfa_token: token, factor: 'totp', code: '123456' }, 401],
    ['/token/mfa/sms', { mfa_token: token }, 401],
    ['/token/email/verify', { request_token: token, code: '123456' }, 401],
    ['/refresh-token', { refresh_token: token }, 401],
    ['/oauth/exchange', { code: token, code_verifier: token }, 400],
  ])('POST %s', async (url, body, status) => {
    const before = await events();
    const answer = await world.call('POST', url, { body });
    expect(answer.statusCode, answer.body).toBe(status);
    expect(await events()).toBe(before);
  });

  test('GET /oauth/{provider}/callback', async () => {
    const before = await events();
    const answer = await world.call('GET', `/oauth/liar/callback?state=${token}&code=x`);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_sign_in']);
    expect(await events()).toBe(before);
  });
});

test('wrong secrets of a service client are told to come back after a hundred in a minute, and leave no more events', async () => {
  const admin = await member(world, { roles: ['admin'] });
  const made = await world.call('POST', '/clients', {
    token: admin.token,
    body: { name: 'gateway', permissions: ['tokens:introspect'] },
  });
  const { id } = made.json();
  const before = await events();
  const guess = () =>
    world.call('POST', '/introspect', { form: { token, client_id: id, client_secret: 'wrong' } });
  const statuses = [];
  for (let i = 0; i < 102; i++) statuses.push((await guess()).statusCode);
  expect(new Set(statuses.slice(0, 100))).toEqual(new Set([401]));
  expect(statuses.slice(100)).toEqual([429, 429]);
  expect(await events()).toBe(before + 100);
});

test('whatever a stranger can make the service do is counted in a group that is tighter than the general one', async () => {
  const { operations } = await openJudge(world);
  const open = operations.filter(({ method, security }) => method === 'POST' && security.length === 0);
  const groups = new Map<string, string>();
  for (const { method, path } of open) {
    const url = path.replaceAll(/\{\w+\}/g, 'nonesuch');
    const answer = await world.call(method as 'POST', url, { ip: '192.0.2.7' });
    groups.set(path, String(answer.headers['ratelimit-policy']).split(';')[0] as string);
  }
  expect(groups.get('/verify-email/{token}')).toBe('"signup"');
  expect(groups.get('/email-change/undo')).toBe('"reset"');
  expect([...groups.values()]).not.toContain('"general"');
  expect(open.length).toBeGreaterThan(15);
});
