import type { Cache } from '../cache.ts';
import type { Clock } from '../clock.ts';
import { parseRedisUrl } from '../config/redis-url.ts';
import { openCounters } from '../counters.ts';
import { openListeners } from '../listeners.ts';
import type { Log } from '../log.ts';
import { createBreaker } from './breaker.ts';
import { type Client, COMMAND_TIMEOUT_MS, connectRedis } from './connect.ts';
import { warnOfEviction } from './eviction.ts';
import { keysUnder, PREFIX } from './keys.ts';
import { openRevocationCopy } from './revocations.ts';

export interface RedisCacheOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Another prefix than `{entrecore}`, for tests. */
  readonly prefix?: string;
  /** Milliseconds between two checks that the revocations are still there. */
  readonly checkInterval?: number;
}

// More than the client's own timeout, since one command may take it several steps, as when a cluster redirects.
const DEADLINE_MS = COMMAND_TIMEOUT_MS + 50;
const PROBE_INTERVAL_MS = 1_000;
const CHECK_INTERVAL_MS = 5_000;
const FIRST_CONNECTION_MS = 1_000;

// The driver refuses a command before there is a connection, and names only an option of its own.
const isUnsent = (error: unknown) => error instanceof Error && error.message.includes('enableOfflineQueue');
const UNSENT =
  'The server has not answered the connection yet. Look after the host and port of REDIS_URL, a firewall in between, and TLS: ' +
  'rediss:// is for a port that speaks it';
const ENDED = 'The connection ended';

// A fixed window: the first use of a key sets when it ends.
const HIT = `
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return { count, left }`;

/**
 * The cache over Redis: one server, Sentinel or Cluster (config/redis-url.ts). Resolves within a second even where no
 * server answers; then, and whenever the server fails later, uses are counted in memory until it is back.
 */
export async function openRedisCache(options: RedisCacheOptions): Promise<Cache> {
  const { url, clock, log, prefix = PREFIX, checkInterval = CHECK_INTERVAL_MS } = options;
  const target = parseRedisUrl(url);
  const keys = keysUnder(prefix);
  const client = connectRedis(target);
  const subscriber = connectRedis(target, { listening: true });
  const countInMemory = openCounters(clock);
  const listeners = openListeners(err => log.error({ err }, 'a listener failed'));
  let lastError: unknown = null;
  // How the driver fails first is often only that its connection ended; why comes when it connects again.
  const told = new Set<string>();
  const tell = (err: unknown, still = '') => {
    const { message } = (err ?? new Error(UNSENT)) as Error;
    if (told.has(message)) return;
    told.add(message);
    log.warn({ err }, `Redis cannot be used${still}; rate limits are counted in memory until it can`);
  };

  const breaker = createBreaker({
    ping: () =>
      probeServer(client, target.db, keys.probe).catch((error: unknown) => {
        lastError ??= isUnsent(error) ? new Error(UNSENT) : error;
        throw error;
      }),
    deadline: DEADLINE_MS,
    interval: PROBE_INTERVAL_MS,
    onOpen: error => tell(lastError ?? (isUnsent(error) ? new Error(ENDED) : error)),
    onClose() {
      if (told.size > 0) log.info('Redis can be used again');
      told.clear();
      lastError = null;
      copy.markStale();
      void copy.check();
    },
  });
  const copy = openRevocationCopy({ client, breaker, keys, clock, log });

  for (const connection of [client, subscriber]) {
    connection.on('error', (error: unknown) => {
      lastError = error;
      if (told.size > 0) tell(error, ' yet');
    });
  }
  client.on('ready', () => {
    copy.markStale();
    void breaker.probe().then(() => copy.check());
  });
  client.once('ready', () => void warnOfEviction(client, log));
  subscriber.on('message', (channel: string, message: string) => listeners.tell(channel, message));
  const timer = setInterval(() => void copy.check(), checkInterval).unref();
  await firstProbe(client, () => breaker.probe());
  if (breaker.isOpen()) tell(lastError, ' yet');

  return {
    publishRevocation: (kind, id, seconds) => copy.publish(kind, id, seconds),
    refillFrom(source) {
      copy.refillFrom(source);
      void copy.check();
    },
    doubtRevocations: () => copy.doubt(),
    hit(key, seconds) {
      if (breaker.isOpen()) return countInMemory(key, seconds);
      return breaker
        .call(() => client.eval(HIT, 1, keys.limit(key), seconds * 1000) as Promise<[number, number]>)
        .then(counted =>
          counted === null ? countInMemory(key, seconds) : { count: counted[0], resetMs: counted[1] },
        );
    },
    async broadcast(channel, message) {
      const name = keys.channel(channel);
      const reached = await breaker.call(() => client.publish(name, message));
      // Other processes cannot be told now; this one can.
      if (reached === null) listeners.tell(name, message);
    },
    subscribe(channel, listener) {
      const name = keys.channel(channel);
      if (!listeners.channels().includes(name)) subscriber.subscribe(name).catch(() => {});
      return listeners.add(name, listener);
    },
    status: () => (breaker.isOpen() ? 'down' : 'up'),
    async close() {
      clearInterval(timer);
      copy.stop();
      breaker.stop();
      client.disconnect();
      subscriber.disconnect();
    },
  };
}

async function probeServer(client: Client, db: number, key: string): Promise<unknown> {
  // The driver overlooks that a database is refused, and goes on in database 0, where others may flush.
  if (db !== 0) await client.select(db);
  // A write, because a full or read-only server is of no use either, and its answer says so.
  return client.set(key, '1', 'EX', 60);
}

async function firstProbe(client: Client, probe: () => Promise<void>): Promise<void> {
  if (client.status !== 'ready') {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FIRST_CONNECTION_MS);
    client.once('ready', resolve);
    client.once('close', resolve);
    await promise;
    clearTimeout(timer);
    client.off('ready', resolve);
    client.off('close', resolve);
  }
  await probe();
}
