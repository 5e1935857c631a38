import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hasRedisServer, redisForEachTest, until } from '../../../test/support/redis.ts';
import type { Revocation } from '../cache.ts';
import { systemClock } from '../clock.ts';
import { openLog } from '../log.ts';
import { openRedisCache } from './redis-cache.ts';

const log = openLog('silent');
const SID = '0193a5c2-0000-7000-8000-000000000001';
const KEY = `{entrecore}:revoked:sid:${SID}`;

describe.skipIf(!hasRedisServer)('the copy of the revocations in Redis', () => {
  const redis = redisForEachTest(log);

  test('a server that is full refuses writes; limits go on, and revocations follow when there is room', async () => {
    const live: Revocation[] = [];
    redis.cache.refillFrom(async () => live);
    await until(async () => (await redis.server.client.exists('{entrecore}:revoked:filled')) === 1);
    await redis.server.client.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.server.client.config('SET', 'maxmemory', '1');
    await redis.cache.publishRevocation('sid', SID, 60);
    live.push(revocation(SID));
    expect(redis.cache.status()).toBe('down');
    expect((await redis.cache.hit('k', 60)).count).toBe(1);
    await redis.server.client.config('SET', 'maxmemory', '0');
    await until(async () => (await redis.server.client.exists(KEY)) === 1);
    expect(redis.cache.status()).toBe('up');
  });

  test('FLUSHALL and an outage are noticed, and all live revocations are written again', async () => {
    const live = Array.from({ length: 450 }, (_, index) => revocation(`session-${index}`));
    let reads = 0;
    redis.cache.refillFrom(async () => {
      reads += 1;
      return live;
    });
    const complete = async () =>
      (await redis.server.client.exists('{entrecore}:revoked:filled')) === 1 &&
      (await redis.server.client.keys('{entrecore}:revoked:sid:*')).length === 450;
    await until(complete);
    await redis.server.client.flushall();
    await until(complete);
    const ttl = await redis.server.client.ttl('{entrecore}:revoked:sid:session-449');
    expect(ttl).toBeGreaterThan(895);
    expect(ttl).toBeLessThanOrEqual(900);
    expect(await redis.server.client.get('{entrecore}:revoked:sid:session-0')).toBe('1795435200');

    await redis.server.kill();
    await redis.cache.publishRevocation('sid', SID, 900);
    live.push(revocation(SID));
    live.splice(0, 1);
    await redis.server.restart();
    await until(complete);
    expect(await redis.server.client.exists(KEY)).toBe(1);

    const settled = reads;
    await sleep(300);
    expect(reads).toBe(settled);
  });

  test('a flush in the middle of a refill is noticed, and what another process wrote before it is there again', async () => {
    const other = await redis.open();
    const live: Revocation[] = [];
    redis.cache.refillFrom(async () => {
      const read = [...live];
      if (live.length === 0) {
        live.push(revocation(SID));
        await other.publishRevocation('sid', SID, 900);
        await redis.server.client.flushall();
      }
      return read;
    });
    await until(async () => (await redis.server.client.exists(KEY, '{entrecore}:revoked:filled')) === 2);
    expect(await redis.server.client.keys('{entrecore}:filling:*')).toEqual([]);
    await other.close();
  });

  test('what could not be written while it was frozen follows, though nothing was lost', async () => {
    const live: Revocation[] = [];
    let isAway = false;
    redis.cache.refillFrom(async () => {
      if (!isAway) return live;
      isAway = false;
      throw new Error('the database is away for a moment');
    });
    await until(async () => (await redis.server.client.exists('{entrecore}:revoked:filled')) === 1);
    redis.server.freeze();
    isAway = true;
    live.push(revocation('told-while-frozen'), revocation('skipped-while-open'));
    await redis.cache.publishRevocation('sid', 'told-while-frozen', 900);
    await redis.cache.publishRevocation('sid', 'skipped-while-open', 900);
    redis.server.thaw();
    await until(
      async () => (await redis.server.client.exists('{entrecore}:revoked:sid:skipped-while-open')) === 1,
    );
    expect(await redis.server.client.exists('{entrecore}:revoked:sid:told-while-frozen')).toBe(1);
  });

  test('what was lost while nothing was asked is written again by whoever connects anew', async () => {
    const quiet = await openRedisCache({
      url: redis.server.url,
      clock: systemClock,
      log,
      checkInterval: 60_000,
    });
    onTestFinished(() => quiet.close());
    quiet.refillFrom(async () => [revocation(SID)]);
    await until(async () => (await redis.server.client.exists('{entrecore}:revoked:filled')) === 1);
    // As after a failover to a replica that had not got it yet.
    await redis.server.client.del(KEY);
    await redis.server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => (await redis.server.client.exists(KEY)) === 1);
    expect(await redis.server.client.get(KEY)).toBe('1795435200');
  });
});

function revocation(id: string): Revocation {
  return {
    kind: 'sid',
    id,
    revokedAt: new Date('2026-11-23T12:00:00Z'),
    expiresAt: new Date(Date.now() + 900_000),
  };
}
