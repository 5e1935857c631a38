import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasRedisServer, type RedisServer, startRedis, until } from '../../test/support/redis.ts';
import type { Cache } from './cache.ts';
import { systemClock } from './clock.ts';
import { openLog } from './log.ts';
import { openMemoryCache } from './memory-cache.ts';
import { openRedisCache } from './redis/redis-cache.ts';

const log = openLog('silent');
let server: RedisServer;

// The same promises, kept by the server and by its twin in memory.
const kinds: { name: string; open: () => Promise<Cache>; status: string; skip: boolean }[] = [
  {
    name: 'memory',
    open: async () => openMemoryCache({ clock: systemClock, log }),
    status: 'memory',
    skip: false,
  },
  {
    name: 'Redis',
    open: () => openRedisCache({ url: server.url, clock: systemClock, log }),
    status: 'up',
    skip: !hasRedisServer,
  },
];

beforeAll(async () => {
  if (hasRedisServer) server = await startRedis();
});
afterAll(async () => {
  if (hasRedisServer) await server.close();
});

describe.each(kinds)('a cache in $name', ({ open, status, skip }) => {
  let cache: Cache;
  beforeAll(async () => {
    if (!skip) cache = await open();
  });
  afterAll(async () => {
    if (!skip) await cache.close();
  });

  test.skipIf(skip)('says how it is', () => {
    expect(cache.status()).toBe(status);
  });

  test.skipIf(skip)('counts each key by itself, and says when its window ends', async () => {
    const first = await cache.hit('a', 60);
    expect(first).toEqual({ count: 1, resetMs: 60_000 });
    expect(await cache.hit('b', 60)).toEqual({ count: 1, resetMs: 60_000 });
    const second = await cache.hit('a', 60);
    expect(second.count).toBe(2);
    expect(second.resetMs).toBeGreaterThan(59_000);
    expect(second.resetMs).toBeLessThanOrEqual(60_000);
  });

  test.skipIf(skip)('counts every one of many at once', async () => {
    const hits = await Promise.all(Array.from({ length: 200 }, async () => cache.hit('many', 60)));
    expect(new Set(hits.map(({ count }) => count)).size).toBe(200);
    expect(Math.max(...hits.map(({ count }) => count))).toBe(200);
  });

  test.skipIf(skip)('begins anew when the window is over', async () => {
    await cache.hit('short', 1);
    await cache.hit('short', 1);
    await sleep(1_050);
    expect((await cache.hit('short', 1)).count).toBe(1);
  });

  test.skipIf(skip)('tells the listeners of a channel, and no longer once they have left', async () => {
    const heard: string[] = [];
    const leave = cache.subscribe('news', message => heard.push(message));
    cache.subscribe('news', () => {
      throw new Error('a bad listener');
    });
    await until(async () => {
      await cache.broadcast('news', 'hello');
      return heard.length > 0;
    });
    expect(heard[0]).toBe('hello');
    leave();
    const before = heard.length;
    await cache.broadcast('news', 'again');
    await cache.broadcast('other', 'elsewhere');
    await sleep(50);
    expect(heard.length).toBe(before);
  });

  test.skipIf(skip)('takes revocations without a word', async () => {
    await expect(cache.publishRevocation('sid', '0193', 60)).resolves.toBeUndefined();
    cache.refillFrom(async () => []);
  });
});
