import { Cluster } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cache } from '../../src/platform/cache.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openLog } from '../../src/platform/log.ts';
import { openRedisCache } from '../../src/platform/redis/redis-cache.ts';
import { type RedisServer, startRedis, until } from '../support/redis.ts';

const SLOTS = 16_384;
const RANGES = [
  [0, 5460],
  [5461, 10_922],
  [10_923, SLOTS - 1],
] as const;

let nodes: RedisServer[];
let cache: Cache;
let other: Cache;
let gateway: Cluster;
let owner: RedisServer;

const log = openLog('silent');
const urlOf = (servers: readonly RedisServer[]) =>
  `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
const open = (servers: readonly RedisServer[]) =>
  openRedisCache({ url: urlOf(servers), clock: systemClock, log, checkInterval: 50 });

beforeAll(async () => {
  nodes = await Promise.all(
    RANGES.map(() => startRedis('--cluster-enabled', 'yes', '--cluster-node-timeout', '2000')),
  );
  await Promise.all(
    nodes.map(({ client }, index) =>
      client.call('CLUSTER', 'ADDSLOTSRANGE', ...(RANGES[index] as readonly number[]).map(String)),
    ),
  );
  const [first, ...rest] = nodes as [RedisServer, ...RedisServer[]];
  for (const { port } of rest) await first.client.call('CLUSTER', 'MEET', '127.0.0.1', String(port));
  await until(async () => {
    const states = await Promise.all(nodes.map(({ client }) => client.call('CLUSTER', 'INFO')));
    return states.every(info => String(info).includes('cluster_state:ok'));
  });
  const slot = Number(await first.client.call('CLUSTER', 'KEYSLOT', '{entrecore}'));
  owner = nodes[RANGES.findIndex(([from, to]) => slot >= from && slot <= to)] as RedisServer;
  // It is told of nodes that do not own the slot, and has to find the one that does.
  cache = await open(nodes.filter(node => node !== owner));
  other = await open([owner]);
  gateway = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
});
afterAll(async () => {
  gateway.disconnect();
  await Promise.all([cache.close(), other.close(), ...nodes.map(node => node.close())]);
});

test('a cluster is used through any of its nodes', async () => {
  expect(cache.status()).toBe('up');
  expect((await cache.hit('k', 60)).count).toBe(1);
  expect((await other.hit('k', 60)).count).toBe(2);
  const many = await Promise.all(Array.from({ length: 200 }, async () => cache.hit('many', 60)));
  expect(Math.max(...many.map(({ count }) => count))).toBe(200);
});

test('a gateway reads the three keys of a token with one MGET, since they share a slot', async () => {
  await cache.publishRevocation('sid', 'session-1', 900);
  const answer = await gateway.mget(
    '{entrecore}:revoked:jti:token-1',
    '{entrecore}:revoked:sid:session-1',
    '{entrecore}:revoked:user:user-1',
  );
  expect(answer).toEqual([null, expect.stringMatching(/^\d{10}$/), null]);
});

test('broadcasts reach a process that is connected to another node', async () => {
  const heard: string[] = [];
  other.subscribe('keys', message => heard.push(message));
  await until(async () => {
    await cache.broadcast('keys', 'rotated');
    return heard.length > 0;
  });
  expect(heard[0]).toBe('rotated');
});

test('a flush of every node is noticed, and the revocations are written again', async () => {
  cache.refillFrom(async () => [
    { kind: 'sid', id: 'session-2', revokedAt: new Date(), expiresAt: new Date(Date.now() + 900_000) },
  ]);
  await until(async () => (await gateway.get('{entrecore}:revoked:sid:session-2')) !== null);
  await Promise.all(nodes.map(({ client }) => client.flushall()));
  await until(async () => (await gateway.get('{entrecore}:revoked:sid:session-2')) !== null);
  expect(cache.status()).toBe('up');
});

test('a frozen node costs one command timeout once, and is used again when it answers', async () => {
  owner.freeze();
  const start = performance.now();
  await cache.hit('frozen', 60);
  expect(performance.now() - start).toBeLessThan(500);
  const later = performance.now();
  for (let i = 0; i < 1_000; i++) await cache.hit('frozen', 60);
  expect(performance.now() - later).toBeLessThan(100);
  owner.thaw();
  await until(() => cache.status() === 'up');
  expect((await cache.hit('thawed', 60)).count).toBe(1);
});
