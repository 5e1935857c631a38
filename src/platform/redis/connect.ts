import { readFileSync } from 'node:fs';
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { RedisTarget } from '../config/redis-url.ts';

export type Client = Redis | Cluster;

/** No command waits longer than this, in milliseconds: a frozen server must not hang a sign-in. */
export const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 2_000;
// A connection that leaves commands unanswered for this long is given up and replaced.
const SOCKET_TIMEOUT_MS = 5_000;

const backoff = (times: number): number => Math.min(times * 100, 2_000);

/**
 * A client that fails fast: no offline queue, one retry, a command timeout. It reconnects for ever by itself.
 * `listening` gives one for subscriptions, which wait for the server instead.
 */
export function connectRedis(target: RedisTarget, { listening = false } = {}): Client {
  const common: RedisOptions = {
    ...credentials(target),
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: listening ? null : 1,
    enableAutoPipelining: !listening,
    connectionName: listening ? 'entrecore-auth-subscriber' : 'entrecore-auth',
    // READONLY: a failover has made our master a replica, so connect again, to the present master.
    reconnectOnError: error => error.message.startsWith('READONLY'),
    ...(!listening && { commandTimeout: COMMAND_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS }),
    ...(target.tls && { tls: tlsOf(target) }),
  };
  if (target.kind === 'cluster') return new Cluster([...target.nodes], clusterOptions(common, listening));
  return new Redis({
    ...common,
    ...addressesOf(target),
    db: target.db,
    retryStrategy: backoff,
    enableOfflineQueue: listening,
  });
}

function tlsOf({ ca }: RedisTarget): NonNullable<RedisOptions['tls']> {
  return { minVersion: 'TLSv1.2', ...(ca !== undefined && { ca: readFileSync(ca) }) };
}

function credentials({ username, password }: RedisTarget): RedisOptions {
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

function addressesOf(target: RedisTarget): RedisOptions {
  const { kind, nodes, master, sentinelPassword, tls } = target;
  const [first] = nodes;
  if (kind === 'single') return { host: first?.host ?? '', port: first?.port ?? 0 };
  return {
    sentinels: [...nodes],
    name: master ?? '',
    sentinelRetryStrategy: backoff,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    failoverDetector: true,
    enableTLSForSentinelMode: tls,
    ...(tls && { sentinelTLS: tlsOf(target) }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
  };
}

function clusterOptions(redisOptions: RedisOptions, listening: boolean): ClusterOptions {
  return {
    redisOptions,
    clusterRetryStrategy: backoff,
    enableOfflineQueue: listening,
    enableAutoPipelining: !listening,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    slotsRefreshInterval: 10_000,
    maxRedirections: 4,
    // Certificates name hosts, so hosts must not be resolved before the handshake.
    ...(redisOptions.tls !== undefined && {
      dnsLookup: (host: string, done: (error: null, address: string) => void) => done(null, host),
    }),
  };
}
