import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach } from 'vitest';
import type { Cache } from '../../src/platform/cache.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Log } from '../../src/platform/log.ts';
import { openRedisCache } from '../../src/platform/redis/redis-cache.ts';
import { freePort } from './free-port.ts';

/** Whether this machine has a redis-server; the tests that start one are skipped otherwise. */
export const hasRedisServer = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** A client of the test's own. */
  readonly client: Redis;
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** A real redis-server on a free port, with further options as on its command line. */
export async function startRedis(...options: string[]): Promise<RedisServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'entrecore-redis-'));
  let child: ChildProcess;
  const run = async () => {
    child = spawn(
      'redis-server',
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--dir',
        folder,
        ...options.flatMap(option => option.split(' ')),
      ],
      { stdio: 'ignore' },
    );
    await until(() => client.ping().then(answer => answer === 'PONG'));
  };
  const kill = async () => {
    const gone = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  };
  const client = new Redis({ port, retryStrategy: () => 50, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  // No server outlives its test, however that ends.
  const atExit = () => child.kill('SIGKILL');
  process.once('exit', atExit);
  await run();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    client,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    kill,
    restart: run,
    async close() {
      client.disconnect();
      process.off('exit', atExit);
      if (child.exitCode === null && child.signalCode === null) await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until the condition holds, 10 seconds at most. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const holds = await Promise.resolve()
      .then(condition)
      .catch(() => false);
    if (holds) return;
    if (performance.now() > deadline) throw new Error('The condition did not come to hold within 10 s');
    await sleep(20);
  }
}

/** Registers for each test of a suite a server of its own and a cache on it. */
export function redisForEachTest(log: Log) {
  let server: RedisServer;
  let cache: Cache;
  const open = (url = server.url) => openRedisCache({ url, clock: systemClock, log, checkInterval: 50 });
  beforeEach(async () => {
    server = await startRedis();
    cache = await open();
  });
  afterEach(async () => {
    await cache.close();
    await server.close();
  });
  return {
    get server() {
      return server;
    },
    get cache() {
      return cache;
    },
    /** Another cache, on this server unless another URL is given. */
    open,
  };
}
