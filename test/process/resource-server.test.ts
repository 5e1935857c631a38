// examples/resource-server.ts beside a service: what a sibling sees of a token's life.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { pathProxy } from '../support/path-proxy.ts';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis.ts';
import { request, type ServiceProcess, startService } from '../support/service.ts';
import { tampered } from '../support/tampered.ts';

const PASSWORD = 'Analytical-engine-1843';
const closing: (() => unknown)[] = [];
let database: TestDatabase;
let redis: RedisServer;
let service: ServiceProcess;
let sibling: string;

beforeAll(async () => {
  if (!hasRedisServer) return;
  database = await testDatabase();
  closing.push(() => database.close());
  redis = await startRedis();
  closing.push(() => redis.close());
  // Under a path of its host, where its keys are, too.
  const [port, behind] = [await freePort(), await freePort()];
  const issuer = `http://localhost:${port}/id/auth`;
  const proxy = await pathProxy({ path: '/id/auth', port, behind });
  closing.push(() => proxy.close());
  service = await startService({
    PORT: String(behind),
    PUBLIC_URL: issuer,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ALGORITHM: 'EdDSA',
    AUTH_ROOT_SECRET: 'root secret of a service and its sibling, 32 bytes',
    BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com',
    BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
    BCRYPT_COST: '4',
  });
  closing.push(() => service.stop('SIGTERM'));
  const own = String(await freePort());
  const child = spawn(process.execPath, ['examples/resource-server.ts'], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env.PATH, ISSUER: issuer, REDIS_URL: redis.url, PORT: own },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closing.push(() => child.kill());
  await once(child.stdout, 'data');
  sibling = `http://127.0.0.1:${own}`;
}, 60_000);
afterAll(async () => {
  for (const close of closing.reverse()) await close();
}, 30_000);

const orders = (token?: string) =>
  fetch(`${sibling}/orders`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
async function logIn(): Promise<string> {
  const form = { username: 'admin@example.com', password: PASSWORD };
  const { status, body } = await request('POST', `${service.url}/token`, { form });
  expect(status, JSON.stringify(body)).toBe(200);
  return body.access_token as string;
}

test.skipIf(!hasRedisServer)('takes a token with the permission, until it is revoked', async () => {
  const before = await logIn();
  expect((await orders()).headers.get('www-authenticate')).toBe('Bearer');
  expect((await orders(before)).status).toBe(403);
  const permission = { name: 'orders:read', description: 'See orders' };
  expect(
    (await request('POST', `${service.url}/permissions`, { token: before, body: permission })).status,
  ).toBe(201);

  const token = await logIn();
  const answer = await orders(token);
  expect([answer.status, await answer.json()]).toEqual([200, { orders: [], of: expect.any(String) }]);
  expect((await orders(tampered(token))).status).toBe(401);

  expect((await request('POST', `${service.url}/logout`, { token })).status).toBe(200);
  const revoked = await orders(token);
  expect([revoked.status, revoked.headers.get('www-authenticate')]).toEqual([
    401,
    'Bearer error="invalid_token"',
  ]);

  const last = await logIn();
  redis.freeze();
  expect((await orders(last)).status).toBe(503);
  redis.thaw();
});
