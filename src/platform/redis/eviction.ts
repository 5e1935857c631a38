import type { Log } from '../log.ts';
import type { Client } from './connect.ts';

/**
 * Warns where the server may evict keys: it then evicts revocations as well, while the key that calls them complete stays, and
 * gateways let in whom this service has logged out (docs/redis.md).
 */
export async function warnOfEviction(client: Client, log: Log): Promise<void> {
  // A server that does not answer, or tells an ACL of before this question nothing, is not judged.
  const memory = await client.info('memory').catch(() => '');
  const read = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(memory)?.[1];
  const policy = read('maxmemory_policy') ?? 'noeviction';
  if (policy === 'noeviction' || read('maxmemory') === '0') return;
  log.warn(
    `Redis may evict revocations (maxmemory-policy ${policy}), and gateways then accept tokens that were revoked. Set maxmemory-policy noeviction, or give this service a Redis server of its own.`,
  );
}
