import { afterEach, expect, test } from 'vitest';
import { type TestApp, testApp } from './support/app.ts';
import { mailsTo } from './support/mails.ts';
import { member } from './support/people.ts';
import { signedIn } from './support/person.ts';

let world: TestApp;
afterEach(() => world.close());

const reset = (email: string, options: { ip?: string; headers?: Record<string, string> } = {}) =>
  world.call('POST', '/password-reset/request', { body: { email }, ...options });

// Redis counts by a clock of its own, which no test can move.
const onRedis = process.env.TEST_REDIS_URL !== undefined;

test.skipIf(onRedis)('every answer says what is left, and 429 when to come back', async () => {
  world = await testApp({ rateLimit: { reset: { points: 2, seconds: 60 } } });
  const first = await reset('a@example.com');
  expect(first.statusCode).toBe(200);
  expect(first.headers).toMatchObject({
    'ratelimit-policy': '"reset";q=2;w=60',
    ratelimit: '"reset";r=1;t=60',
  });
  await reset('b@example.com');
  world.deps.clock.advance(15);
  const third = await reset('c@example.com');
  expect(third.statusCode).toBe(429);
  expect(third.headers).toMatchObject({ ratelimit: '"reset";r=0;t=45', 'retry-after': '45' });
  expect(third.json()).toMatchObject({ code: 'rate_limited' });
  expect((await world.call('GET', '/health')).headers['ratelimit-policy']).toBe('"general";q=60000;w=60');
  world.deps.clock.advance(45);
  expect((await reset('c@example.com')).statusCode).toBe(200);
});

test('a made-up X-Forwarded-For buys no further requests, and a believed proxy speaks for each client', async () => {
  world = await testApp({
    rateLimit: { reset: { points: 1, seconds: 60 } },
    http: { trustProxy: ['10.0.0.0/8'] },
  });
  const claim = (ip: string, header: string) =>
    reset('a@example.com', { ip, headers: { 'x-forwarded-for': header } }).then(answer => answer.statusCode);
  expect(await claim('203.0.113.1', '198.51.100.1')).toBe(200);
  expect(await claim('203.0.113.1', '198.51.100.2')).toBe(429);
  expect(await claim('10.0.0.1', '198.51.100.1, 203.0.113.2')).toBe(200);
  expect(await claim('10.0.0.1', '198.51.100.2, 203.0.113.2')).toBe(429);
  expect(await claim('10.0.0.1', '203.0.113.3')).toBe(200);
});

test('the defaults let ordinary programs pass, and fewer than 80 resets in a row', async () => {
  world = await testApp({ rateLimit: 'on' });
  const answers = [];
  for (let i = 0; i < 80; i++) answers.push((await reset(`someone-${i}@example.com`)).statusCode);
  expect(answers.filter(status => status === 200)).toHaveLength(60);
  expect(answers.lastIndexOf(200)).toBe(59);
  for (let i = 0; i < 60; i++) {
    const body = {
      first_name: 'Ada',
      last_name: 'Lovelace',
      email: `ada-${i}@example.com`,
      phone_number: '+254712345678',
    };
    expect((await world.call('POST', '/signup', { body })).statusCode).toBe(200);
  }
});

test('judging passwords, which keeps the one thread busy, is limited by itself and keeps nobody from signing up', async () => {
  world = await testApp({ rateLimit: 'on' });
  const judge = (ip: string) => world.call('POST', '/password/check', { body: { password: 'x' }, ip });
  const statuses = [];
  for (let i = 0; i < 301; i++) statuses.push((await judge('192.0.2.1')).statusCode);
  expect(new Set(statuses.slice(0, 300))).toEqual(new Set([200]));
  expect(statuses[300]).toBe(429);
  expect((await judge('192.0.2.2')).statusCode).toBe(200);
  const body = {
    first_name: 'Ada',
    last_name: 'Lovelace',
    email: 'ada@example.com',
    phone_number: '+254712345678',
  };
  expect((await world.call('POST', '/signup', { body, ip: '192.0.2.1' })).statusCode).toBe(200);
});

test('a person changes their profile sixty times a minute, and fills the trail with no more', async () => {
  world = await testApp({ rateLimit: 'on' });
  const { token } = await member(world);
  const rename = (i: number) =>
    world.call('PUT', '/users/me', { token, body: { first_name: `Ada ${i % 2}` }, ip: `192.0.2.${i}` });
  const statuses = [];
  for (let i = 0; i < 61; i++) statuses.push((await rename(i)).statusCode);
  expect(new Set(statuses.slice(0, 60))).toEqual(new Set([200]));
  expect(statuses[60]).toBe(429);
});

test('whatever keeps a challenge for its caller is limited as the action that it begins, and not as a mere look', async () => {
  world = await testApp({ rateLimit: 'on' });
  const groupOf = async (method: 'GET' | 'POST', url: string) =>
    String((await world.call(method, url)).headers['ratelimit-policy']).split(';')[0];
  expect(await groupOf('GET', '/account/confirm')).toBe('"login"');
  expect(await groupOf('GET', '/account/sign-in/second-factor')).toBe('"mfa"');
  expect(await groupOf('POST', '/users/me/identities/google')).toBe('"login"');
});

test('one name from one address is limited before the lockout is asked, known or not', async () => {
  world = await testApp({ rateLimit: 'on', lockout: { attempts: 0 } });
  const login = (ip: string) =>
    world.call('POST', '/token', { form: { username: 'nobody', password: 'wrong' }, ip });
  const statuses = [];
  for (let i = 0; i < 101; i++) statuses.push((await login('192.0.2.1')).statusCode);
  expect(new Set(statuses.slice(0, 100))).toEqual(new Set([401]));
  expect(statuses[100]).toBe(429);
  expect((await login('192.0.2.2')).statusCode).toBe(401);
});

test('a hundred wrong secrets of a client in a minute fill the trail no further, and the right one is still taken', async () => {
  world = await testApp({ rateLimit: 'on' });
  const { accessToken: token } = await signedIn(world, 'clients:write', 'tokens:introspect');
  const made = await world.call('POST', '/clients', {
    token,
    body: { name: 'billing', permissions: ['tokens:introspect'] },
  });
  const { id: client_id, secret } = made.json();
  const introspect = async (client_secret: string) =>
    (await world.call('POST', '/introspect', { form: { token: 'x', client_id, client_secret } })).statusCode;
  for (let i = 0; i < 100; i++) expect(await introspect('wrong')).toBe(401);
  expect(await introspect('wrong')).toBe(429);
  expect(await introspect(secret)).toBe(200);
});

test('who asks for a verification mail right after signing up gets it; the third in a minute waits for the first to age', async () => {
  world = await testApp({ rateLimit: 'on' });
  const { accessToken: token, email } = await signedIn(world);
  const ask = () => world.call('POST', '/verify-email', { token });
  world.deps.clock.advance(15);
  expect((await ask()).statusCode).toBe(202);
  const third = await ask();
  expect([third.statusCode, third.json().code, third.headers['retry-after']]).toEqual([
    429,
    'rate_limited',
    '45',
  ]);
  world.deps.clock.advance(45);
  expect((await ask()).statusCode).toBe(202);
  expect((await ask()).headers['retry-after']).toBe('15');
  expect(await mailsTo(world, email)).toHaveLength(3);
});

test('a change of address can be corrected at once, and then waits', async () => {
  world = await testApp({ rateLimit: 'on' });
  const { accessToken: token } = await signedIn(world);
  const change = (email: string) => world.call('PUT', '/users/me', { token, body: { email } });
  expect((await change('tpyo@example.com')).json().pending_email).toBe('tpyo@example.com');
  expect((await change('typo@example.com')).json().pending_email).toBe('typo@example.com');
  const third = await change('other@example.com');
  expect([third.statusCode, third.headers['retry-after']]).toEqual([429, '60']);
});
