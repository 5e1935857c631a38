import { expect, test } from 'vitest';
import { configWith, movableClock } from '../../test/support/deps.ts';
import type { Config } from '../platform/config.ts';
import { openLog } from '../platform/log.ts';
import { openMemoryCache } from '../platform/memory-cache.ts';
import type { RateGroup } from '../platform/rate-groups.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { checkRate, limitAccount, RATE_LIMITS } from './rate-limits.ts';

function world(rateLimit: Config['rateLimit'] = 'on') {
  const clock = movableClock();
  const cache = openMemoryCache({ clock, log: openLog('silent') });
  const secrets = deriveSecrets('a root secret for tests, 32 bytes+');
  return { clock, cache, secrets, config: configWith({ rateLimit }) };
}
const from = (ip: string) => ({ ip });

test('requests pass up to the limit, then wait for the end of the window', async () => {
  const deps = world({ login: { points: 3, seconds: 30 } });
  const check = () => checkRate(deps, 'login', from('192.0.2.1'));
  expect(await check()).toEqual({
    allowed: true,
    retryAfter: 30,
    headers: { 'ratelimit-policy': '"login";q=3;w=30', ratelimit: '"login";r=2;t=30' },
  });
  await check();
  deps.clock.advance(10);
  expect(await check()).toMatchObject({ allowed: true, headers: { ratelimit: '"login";r=0;t=20' } });
  expect(await check()).toMatchObject({ allowed: false, retryAfter: 20 });
  deps.clock.advance(19.5);
  expect(await check()).toMatchObject({ allowed: false, retryAfter: 1 });
  deps.clock.advance(0.5);
  expect(await check()).toMatchObject({ allowed: true, headers: { ratelimit: '"login";r=2;t=30' } });
});

test('another address, another group and another /64 are counted apart; one /64 together', async () => {
  const deps = world({ login: { points: 1 }, mfa: { points: 1 } });
  const passes = async (group: RateGroup, ip: string) => (await checkRate(deps, group, from(ip)))?.allowed;
  expect(await passes('login', '192.0.2.1')).toBe(true);
  expect(await passes('login', '192.0.2.1')).toBe(false);
  expect(await passes('login', '192.0.2.2')).toBe(true);
  expect(await passes('mfa', '192.0.2.1')).toBe(true);
  expect(await passes('login', '2001:db8::1')).toBe(true);
  expect(await passes('login', '2001:db8::ffff')).toBe(false);
  expect(await passes('login', '2001:db8:0:1::1')).toBe(true);
});

test('points alone keep the window of the group', async () => {
  const deps = world({ reset: { points: 7 } });
  const verdict = await checkRate(deps, 'reset', from('192.0.2.1'));
  expect(verdict?.headers['ratelimit-policy']).toBe('"reset";q=7;w=60');
});

test('fewer than 80 reset requests from one address in a row may pass', async () => {
  const deps = world();
  let passed = 0;
  for (let i = 0; i < 80; i++) {
    deps.clock.advance(0.5);
    if ((await checkRate(deps, 'reset', from('192.0.2.1')))?.allowed === true) passed += 1;
  }
  expect(passed).toBe(60);
});

test('off limits nothing', async () => {
  const deps = world('off');
  expect(checkRate(deps, 'login', from('192.0.2.1'))).toBeNull();
  for (let i = 0; i < 500; i++) await limitAccount(deps, 'login', { ip: '192.0.2.1', account: 'ada' });
});

test('who is logged in is counted from everywhere', async () => {
  const deps = world();
  const send = (i: number) => limitAccount(deps, 'mail', { ip: `198.51.${i}.1`, account: 'user-1' });
  for (let i = 0; i < 20; i++) await send(i);
  await expect(send(21)).rejects.toMatchObject({ code: 'rate_limited', retryAfter: 600 });
  await limitAccount(deps, 'mail', { ip: '198.51.1.1', account: 'user-2' });
});

test('an account that is named is counted by address, however it is written, so that no stranger keeps its owner out', async () => {
  const deps = world();
  const attempt = (ip: string, account: string) => limitAccount(deps, 'login', { ip, account });
  for (let i = 0; i < 50; i++) {
    await attempt('192.0.2.1', 'Ada@Example.com ');
    await attempt('192.0.2.1', 'ada@example.com');
  }
  await expect(attempt('192.0.2.1', 'ADA@example.com')).rejects.toMatchObject({ code: 'rate_limited' });
  await attempt('192.0.2.1', 'grace@example.com');
  await attempt('192.0.2.2', 'ada@example.com');
  // A household has all of its /64, and whoever moves within it is no other one.
  for (let i = 0; i < 100; i++) await attempt(`2001:db8::${i}`, 'ada@example.com');
  await expect(attempt('2001:db8::ffff', 'ada@example.com')).rejects.toMatchObject({ code: 'rate_limited' });
  await attempt('2001:db8:0:1::1', 'ada@example.com');
});

test('the general limit never asks Redis', () => {
  const deps = world();
  const cache = { ...deps.cache, hit: () => Promise.reject(new Error('asked')) };
  expect(checkRate({ ...deps, cache }, 'general', from('192.0.2.1'))).toMatchObject({ allowed: true });
});

test('every group has a limit by address that RATE_LIMIT can replace', () => {
  for (const group of Object.keys(RATE_LIMITS) as RateGroup[]) {
    const deps = world({ [group]: { points: 1 } });
    const check = () => checkRate(deps, group, from('192.0.2.1'));
    expect([check(), check()]).toMatchObject([{ allowed: true }, { allowed: false }]);
  }
});
