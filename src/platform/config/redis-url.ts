import { Unacceptable } from './variable.ts';

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** What a REDIS_URL means. */
export interface RedisTarget {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  /** The server; the sentinels; or some nodes of the cluster. */
  readonly nodes: readonly RedisNode[];
  readonly username?: string;
  readonly password?: string;
  /** Single and sentinel only. */
  readonly db: number;
  /** Sentinel only: the name of the master, and the sentinels' own password. */
  readonly master?: string;
  readonly sentinelPassword?: string;
  /** With TLS: a PEM file with one more authority to trust. */
  readonly ca?: string;
}

const FORMS =
  'must look like redis://user:password@host:6379/0, rediss://… with TLS, redis+sentinel://host:26379,host:26379/master/0 or redis+cluster://host:6379,host:6379';
const URL_PARTS =
  /^(rediss?)(\+sentinel|\+cluster)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?@]+)(?:\/([^?]*))?(?:\?(.*))?$/;
const NODE = /^(\[[0-9a-fA-F:]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/;

/** Checks a REDIS_URL and gives it back. */
export function redisUrl(value: string): string {
  parseRedisUrl(value);
  return value;
}

/**
 * Reads a REDIS_URL: one server, `redis+sentinel://` with the sentinels and the master's name as path, or
 * `redis+cluster://` with some nodes; `rediss` in place of `redis` speaks TLS. Throws `Unacceptable`.
 */
export function parseRedisUrl(value: string): RedisTarget {
  const [, scheme, form = '', user, secret, hosts = '', path = '', query = ''] = URL_PARTS.exec(value) ?? [];
  if (scheme === undefined) throw new Unacceptable(FORMS);
  const kind = form === '+sentinel' ? 'sentinel' : form === '+cluster' ? 'cluster' : 'single';
  const nodes = hosts.split(',').map(host => nodeOf(host.trim(), kind === 'sentinel' ? 26_379 : 6379));
  if (kind === 'single' && nodes.length !== 1) throw new Unacceptable(FORMS);

  const segments = path === '' ? [] : path.split('/').filter(part => part !== '');
  const master = kind === 'sentinel' ? segments.shift() : undefined;
  if (kind === 'sentinel' && master === undefined) throw new Unacceptable(FORMS);
  const [db = '0', ...rest] = segments;
  if (!/^\d{1,4}$/.test(db) || rest.length > 0 || (kind === 'cluster' && db !== '0')) {
    throw new Unacceptable(kind === 'cluster' ? 'must not name a database: a cluster has only 0' : FORMS);
  }
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (name !== 'sentinel_password' && name !== 'ca') {
      throw new Unacceptable('must have no other parameters than sentinel_password and ca');
    }
  }
  const sentinelPassword = parameters.get('sentinel_password');
  const ca = parameters.get('ca');
  return {
    kind,
    tls: scheme === 'rediss',
    nodes,
    db: Number(db),
    ...(user && { username: decoded(user) }),
    ...(secret && { password: decoded(secret) }),
    ...(master !== undefined && { master }),
    ...(sentinelPassword !== null && { sentinelPassword }),
    ...(ca && { ca }),
  };
}

function nodeOf(text: string, fallback: number): RedisNode {
  const [, host, port] = NODE.exec(text) ?? [];
  if (host === undefined || Number(port ?? fallback) > 65_535) throw new Unacceptable(FORMS);
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? fallback) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Unacceptable('must percent-encode its user name and password');
  }
}
