import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../../test/support/free-port.ts';
import { hasRedisServer, redisForEachTest, startRedis, until } from '../../../test/support/redis.ts';
import { openLog } from '../log.ts';

const log = openLog('silent');
const SID = '0193a5c2-0000-7000-8000-000000000001';
const KEY = `{entrecore}:revoked:sid:${SID}`;

describe.skipIf(!hasRedisServer)('Redis', () => {
  const redis = redisForEachTest(log);

  async function timed<T>(work: () => T | Promise<T>): Promise<{ ms: number; result: T }> {
    const start = performance.now();
    const result = await work();
    return { ms: performance.now() - start, result };
  }

  test('a revocation is there when the promise resolves, with the remaining life as expiry', async () => {
    await redis.cache.publishRevocation('sid', SID, 1800);
    expect(Math.abs(Number(await redis.server.client.get(KEY)) - Date.now() / 1000)).toBeLessThan(2);
    expect(await redis.server.client.ttl(KEY)).toBeGreaterThan(1797);
    await redis.cache.publishRevocation('jti', 'abc', 0.2);
    expect(await redis.server.client.ttl('{entrecore}:revoked:jti:abc')).toBe(1);
  });

  test('the ACL of docs/redis.md permits all that is asked, of one server and of a cluster', async () => {
    const page = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
    const [, rules = '', more = ''] = /An ACL needs `([^`]+)`, in a cluster also `([^`]+)`/.exec(page) ?? [];
    const cluster = await startRedis('--cluster-enabled yes', '--cluster-announce-ip 127.0.0.1');
    onTestFinished(() => cluster.close());
    await cluster.client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await until(async () =>
      String(await cluster.client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
    );
    for (const [{ client, url }, scheme, acl] of [
      [redis.server, 'redis', rules],
      [cluster, 'redis+cluster', `${rules} ${more}`],
    ] as const) {
      await client.call('ACL', 'SETUSER', 'auth', 'on', '>pw', ...acl.split(/\s+/));
      const restricted = await redis.open(url.replace('redis://', `${scheme}://auth:pw@`));
      await restricted.publishRevocation('sid', SID, 1800);
      expect(await restricted.hit('login', 60)).toMatchObject({ count: 1 });
      await restricted.broadcast('keys-changed', 'x');
      // A password alone would make it the default user, whom no ACL restricts.
      expect(String(await client.call('CLIENT', 'LIST')), scheme).toMatch(/name=entrecore-auth .*user=auth /);
      await restricted.close();
      expect(await client.call('ACL', 'LOG'), scheme).toEqual([]);
      expect(await client.exists(KEY), scheme).toBe(1);
    }
  });

  test('two replicas count together', async () => {
    const other = await redis.open();
    expect((await redis.cache.hit('login', 60)).count).toBe(1);
    expect((await other.hit('login', 60)).count).toBe(2);
    await other.close();
  });

  test('a frozen server costs one command timeout once, then nothing; it is found again by itself', async () => {
    await redis.cache.hit('k', 60);
    redis.server.freeze();
    const first = await timed(() =>
      Promise.all(Array.from({ length: 20 }, async () => redis.cache.hit('k', 60))),
    );
    expect(first.ms).toBeGreaterThan(200);
    expect(first.ms).toBeLessThan(450);
    expect(redis.cache.status()).toBe('down');
    const later = await timed(async () => {
      for (let i = 0; i < 1_000; i++) {
        await redis.cache.hit('k', 60);
        await redis.cache.publishRevocation('sid', SID, 60);
        await redis.cache.broadcast('c', 'm');
      }
    });
    expect(later.ms).toBeLessThan(250);
    expect((await redis.cache.hit('k', 60)).count).toBe(1021);
    redis.server.thaw();
    await until(() => redis.cache.status() === 'up');
    expect((await redis.cache.hit('k', 60)).resetMs).toBeLessThanOrEqual(60_000);
  });

  test('a killed server is skipped, and used again when it is back', async () => {
    await redis.server.kill();
    const hits = await timed(async () => {
      for (let i = 1; i <= 100; i++) expect((await redis.cache.hit('k', 60)).count).toBe(i);
    });
    expect(hits.ms).toBeLessThan(450);
    await redis.server.restart();
    await until(() => redis.cache.status() === 'up');
    await redis.cache.publishRevocation('sid', SID, 60);
    expect(await redis.server.client.exists(KEY)).toBe(1);
  });

  test('a server that is not there delays the start by a second at most, and nobody afterwards', async () => {
    const { ms, result: absent } = await timed(() => redis.open('redis://127.0.0.1:1'));
    expect(ms).toBeLessThan(1_400);
    expect(absent.status()).toBe('down');
    expect(await absent.hit('k', 60)).toEqual({ count: 1, resetMs: 60_000 });
    await absent.close();
  });

  test('a server that is full at the start is told with what it answers', async () => {
    await redis.server.client.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.server.client.config('SET', 'maxmemory', '1');
    const warn = vi.spyOn(log, 'warn');
    const other = await redis.open();
    expect(warn).toHaveBeenCalledWith(
      { err: expect.objectContaining({ message: expect.stringContaining('OOM') }) },
      expect.any(String),
    );
    warn.mockRestore();
    await other.close();
  });

  test('a database that the server does not have is told; nothing is written into another one', async () => {
    const warn = vi.spyOn(log, 'warn');
    onTestFinished(() => warn.mockRestore());
    const other = await redis.open(`${redis.server.url}/9999`);
    onTestFinished(() => other.close());
    await other.publishRevocation('sid', SID, 1800);
    expect((await other.hit('nowhere', 60)).count).toBe(1);
    expect(await redis.server.client.keys('*nowhere*')).toEqual([]);
    expect(await redis.server.client.exists(KEY)).toBe(0);
    expect(other.status()).toBe('down');
    expect(warn).toHaveBeenCalledWith(
      { err: expect.objectContaining({ message: expect.stringContaining('DB index is out of range') }) },
      expect.any(String),
    );
    const third = await redis.open(`${redis.server.url}/3`);
    onTestFinished(() => third.close());
    expect(third.status()).toBe('up');
    await third.hit('in-three', 60);
    expect(await redis.server.client.keys('*in-three*')).toEqual([]);
  });

  test('a server that may evict revocations is warned of once; one that never evicts is not', async () => {
    const warn = vi.spyOn(log, 'warn');
    onTestFinished(() => warn.mockRestore());
    await (await redis.open()).close();
    await redis.server.client.config('SET', 'maxmemory-policy', 'volatile-lru', 'maxmemory', '100mb');
    const other = await redis.open();
    await vi.waitFor(() => expect(warn).toHaveBeenCalled());
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^Redis may evict revocations \(maxmemory-policy volatile-lru\).*noeviction/)],
    ]);
    await other.close();
  });

  test('a port that accepts a connection and says nothing is told as such, in the words of an operator', async () => {
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const warn = vi.spyOn(log, 'warn');
    onTestFinished(() => warn.mockRestore());
    const other = await redis.open(`rediss://127.0.0.1:${(mute.address() as AddressInfo).port}`);
    expect(warn).toHaveBeenCalledWith(
      { err: expect.objectContaining({ message: expect.stringMatching(/not answered.* rediss:/) }) },
      expect.any(String),
    );
    await other.close();
    mute.close();
  });

  test.each(['redis', 'redis+cluster'])(
    'the password that a %s:// server refuses is not in the log',
    async scheme => {
      await redis.server.client.config('SET', 'requirepass', 'right');
      const url = JSON.stringify(redis.server.url.replace('redis://', `${scheme}://service:wrong-one@`));
      const [cacheModule, logModule] = ['./redis-cache.ts', '../log.ts'].map(path =>
        JSON.stringify(new URL(path, import.meta.url).href),
      );
      const script = `
      import { openRedisCache } from ${cacheModule};
      import { openLog } from ${logModule};
      const log = openLog('trace');
      await openRedisCache({ url: ${url}, clock: { now: () => new Date() }, log });
      log.flush(() => process.exit());`;
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
      });
      expect(stdout).toContain('Redis cannot be used yet');
      expect(stdout).not.toContain('wrong-one');
    },
  );

  test('broadcasts reach other processes, also after the server was killed', async () => {
    const other = await redis.open();
    const heard: string[] = [];
    other.subscribe('keys', message => heard.push(message));
    const told = (word: string) =>
      until(async () => {
        await redis.cache.broadcast('keys', word);
        return heard.includes(word);
      });
    await told('rotated');
    await redis.server.kill();
    await redis.server.restart();
    await until(() => redis.cache.status() === 'up');
    await told('again');
    expect(new Set(heard)).toEqual(new Set(['rotated', 'again']));
    await other.close();
  });

  test('with nobody to reach, a broadcast still tells this process', async () => {
    const heard: string[] = [];
    redis.cache.subscribe('keys', message => heard.push(message));
    await redis.server.kill();
    await redis.cache.broadcast('keys', 'rotated');
    expect(heard).toEqual(['rotated']);
  });

  test('rediss:// speaks TLS, and believes only a certificate that verifies', async () => {
    const port = await freePort();
    const file = (name: string) =>
      fileURLToPath(new URL(`../../../test/support/tls/${name}`, import.meta.url));
    const [crt, key] = [file('localhost.crt'), file('localhost.key')];
    const secured = await startRedis(
      `--tls-port ${port} --tls-auth-clients no`,
      `--tls-cert-file ${crt} --tls-key-file ${key} --tls-ca-cert-file ${crt}`,
    );
    const trusting = await redis.open(`rediss://localhost:${port}?ca=${encodeURIComponent(crt)}`);
    const wary = await redis.open(`rediss://localhost:${port}`);
    expect([trusting.status(), wary.status()]).toEqual(['up', 'down']);
    await Promise.all([trusting.close(), wary.close(), secured.close()]);
  });

  test('a password and a database are taken from the URL', async () => {
    await redis.server.client.config('SET', 'requirepass', 'p@ss/word');
    const inside = await redis.open(`redis://:p%40ss%2Fword@127.0.0.1:${redis.server.port}/3`);
    await inside.publishRevocation('sid', SID, 60);
    await redis.server.client.select(3);
    expect(await redis.server.client.exists(KEY)).toBe(1);
    const outside = await redis.open(`redis://:wrong@127.0.0.1:${redis.server.port}`);
    expect(outside.status()).toBe('down');
    await Promise.all([inside.close(), outside.close()]);
  });

  test('why a server that was lost is not found again is told once, as where its password was changed', async () => {
    const { client, port } = redis.server;
    await client.config('SET', 'requirepass', 'former');
    const warn = vi.spyOn(log, 'warn');
    onTestFinished(() => warn.mockRestore());
    const cache = await redis.open(`redis://:former@127.0.0.1:${port}`);
    onTestFinished(() => cache.close());
    await client.config('SET', 'requirepass', 'present');
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => {
      await cache.hit('k', 60);
      return cache.status() === 'down';
    });
    const reasons = () => warn.mock.calls.map(([said]) => (said as unknown as { err: Error }).err.message);
    const wrong = () => reasons().filter(reason => reason.startsWith('WRONGPASS'));
    await until(() => wrong().length > 0);
    const connections = () => client.info('stats').then(stats => Number(/received:(\d+)/.exec(stats)?.[1]));
    const before = await connections();
    await until(async () => (await connections()) > before + 2);
    expect(wrong()).toHaveLength(1);
    expect(reasons().join()).not.toContain('enableOfflineQueue');
  });
});
