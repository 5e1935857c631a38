import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cache } from '../../src/platform/cache.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openLog } from '../../src/platform/log.ts';
import { openRedisCache } from '../../src/platform/redis/redis-cache.ts';
import { freePort } from '../support/free-port.ts';
import { type RedisServer, startRedis, until } from '../support/redis.ts';

let master: RedisServer;
let replica: RedisServer;
let sentinel: ChildProcess;
let cache: Cache;
let folder: string;

beforeAll(async () => {
  master = await startRedis();
  replica = await startRedis('--replicaof', '127.0.0.1', String(master.port));
  await until(async () => (await replica.client.info('replication')).includes('master_link_status:up'));
  const port = await freePort();
  folder = mkdtempSync(join(tmpdir(), 'entrecore-sentinel-'));
  const file = join(folder, 'sentinel.conf');
  writeFileSync(
    file,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor entrecore 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds entrecore 500',
      'sentinel failover-timeout entrecore 3000',
    ].join('\n'),
  );
  sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  // A failover needs a sentinel that has heard of the replica, which its first INFO tells it.
  await until(async () => (await master.client.info('replication')).includes('connected_slaves:1'));
  cache = await openRedisCache({
    url: `redis+sentinel://127.0.0.1:${port}/entrecore`,
    clock: systemClock,
    log: openLog('silent'),
    checkInterval: 50,
  });
  await until(() => cache.status() === 'up');
});
afterAll(async () => {
  await cache.close();
  sentinel.kill('SIGKILL');
  await Promise.all([master.close(), replica.close()]);
  rmSync(folder, { recursive: true, force: true });
});

test('after a failover the new master is used, and gets what the old one had not passed on', async () => {
  cache.refillFrom(async () => [
    { kind: 'sid', id: 'session-1', revokedAt: new Date(), expiresAt: new Date(Date.now() + 900_000) },
  ]);
  expect((await cache.hit('k', 60)).count).toBe(1);
  await until(async () => (await replica.client.get('{entrecore}:revoked:sid:session-1')) !== null);
  await master.kill();
  const hit = await cache.hit('k', 60);
  expect(hit.count).toBe(1);
  await until(async () => (await replica.client.role())[0] === 'master');
  await replica.client.del('{entrecore}:revoked:sid:session-1');
  await until(() => cache.status() === 'up');
  await until(async () => (await replica.client.get('{entrecore}:revoked:sid:session-1')) !== null);
  expect((await cache.hit('fresh', 60)).count).toBe(1);
});
