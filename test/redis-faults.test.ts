import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { liveRevocations } from '../src/sessions/live-revocations.ts';
import { type TestApp, testApp } from './support/app.ts';
import { type Person, signedIn } from './support/person.ts';
import { hasRedisServer, type RedisServer, startRedis, until } from './support/redis.ts';

const COMMAND_TIMEOUT_AND_MARGIN_MS = 600;

// docs/redis.md, "When it fails": nobody is logged out, and no door opens.
describe.skipIf(!hasRedisServer)('the service with Redis', () => {
  let server: RedisServer;
  let world: TestApp;
  let ada: Person;
  let gone: Person;

  beforeEach(async () => {
    server = await startRedis();
    world = await testApp({ redisUrl: server.url, rateLimit: 'on' });
    world.deps.cache.refillFrom(() => liveRevocations(world.deps));
    ada = await signedIn(world);
    gone = await signedIn(world);
    await world.call('POST', '/logout', { token: gone.accessToken });
  });
  afterEach(async () => {
    await world.close();
    await server.close();
  });

  const sidOf = ({ accessToken }: Person): string =>
    JSON.parse(Buffer.from(accessToken.split('.')[1] as string, 'base64url').toString()).sid;
  const revoked = (kind: string, id: string) => server.client.get(`{entrecore}:revoked:${kind}:${id}`);

  async function timed(work: () => Promise<{ statusCode: number }>): Promise<[status: number, ms: number]> {
    const start = performance.now();
    const { statusCode } = await work();
    return [statusCode, performance.now() - start];
  }

  async function everythingHolds(): Promise<void> {
    const me = (person: Person) => world.call('GET', '/users/me', { token: person.accessToken });
    expect((await me(ada)).statusCode).toBe(200);
    expect((await me(gone)).json()).toMatchObject({ code: 'token_revoked' });
    const refresh = await world.call('POST', '/refresh-token', { body: { token: gone.refreshToken } });
    expect(refresh.statusCode).toBe(401);
    const another = await signedIn(world);
    expect((await me(another)).statusCode).toBe(200);
    expect((await world.call('POST', '/logout', { token: another.accessToken })).statusCode).toBe(200);
    expect((await me(another)).statusCode).toBe(401);
  }

  async function toldAs(told: object, up: number): Promise<void> {
    const ready = await world.call('GET', '/readyz');
    const checks = { database: 'ok', ...told };
    expect([ready.statusCode, ready.json()]).toEqual([200, { status: 'ready', checks }]);
    expect((await world.call('GET', '/metrics')).body).toContain(`\nredis_up ${up}\n`);
  }

  test('a logout is in Redis when the answer arrives, until the last token of the session has expired', async () => {
    expect(Number(await revoked('sid', sidOf(gone)))).toBe(world.deps.clock.now().getTime() / 1000);
    expect(await server.client.ttl(`{entrecore}:revoked:sid:${sidOf(gone)}`)).toBeGreaterThan(1795);
    expect(await revoked('sid', sidOf(ada))).toBeNull();
  });

  test('a logout everywhere names the user and each session', async () => {
    await world.call('POST', '/logout/all', { token: ada.accessToken });
    expect(await revoked('user', ada.id)).not.toBeNull();
    expect(await revoked('sid', sidOf(ada))).not.toBeNull();
  });

  test('flushed: nothing changes, and the revocations come back, those of removed accounts too', async () => {
    const closed = await world.call('DELETE', '/users/me', { token: ada.accessToken });
    expect(closed.statusCode, closed.body).toBeLessThan(300);
    ada = await signedIn(world);
    const sids = [sidOf(gone)];
    await server.client.flushall();
    await everythingHolds();
    await until(async () => (await Promise.all(sids.map(sid => revoked('sid', sid)))).every(Boolean));
    const live = await liveRevocations(world.deps);
    expect(live.length).toBe(3);
    for (const { id } of live) expect(await revoked('sid', id)).not.toBeNull();
  });

  test('killed: nothing changes, and what was revoked meanwhile is there when it is back', async () => {
    await server.kill();
    await everythingHolds();
    await world.call('POST', '/logout', { token: ada.accessToken });
    await toldAs({ redis: expect.stringContaining('Redis does not answer') }, 0);
    await server.restart();
    await until(async () => (await revoked('sid', sidOf(ada))) !== null);
    expect(await revoked('sid', sidOf(gone))).not.toBeNull();
    await toldAs({}, 1);
  });

  test('frozen: one request waits for one command timeout, the next ones for nothing', async () => {
    server.freeze();
    const login = () => world.call('POST', '/token', { form: { username: 'nobody', password: 'wrong' } });
    const [status, ms] = await timed(login);
    expect(status).toBe(401);
    expect(ms).toBeLessThan(COMMAND_TIMEOUT_AND_MARGIN_MS);
    const later = [];
    for (let i = 0; i < 10; i++) later.push((await timed(login))[1]);
    expect(later.sort((a, b) => a - b)[5]).toBeLessThan(150);
    await everythingHolds();
    server.thaw();
    await until(() => world.deps.cache.status() === 'up');
    await everythingHolds();
  });

  test('limits go on while it is away', async () => {
    await server.kill();
    const statuses = [];
    for (let i = 0; i < 61; i++) {
      const body = { email: `nobody-${i}@example.com` };
      statuses.push((await world.call('POST', '/password-reset/request', { body })).statusCode);
    }
    expect(statuses.filter(status => status === 200)).toHaveLength(60);
    expect(statuses.at(-1)).toBe(429);
  });
});
