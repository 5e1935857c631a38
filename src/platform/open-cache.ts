import type { Cache } from './cache.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Log } from './log.ts';
import { openMemoryCache } from './memory-cache.ts';

/** The cache that REDIS_URL asks for: over Redis, else in memory. Resolves even where the server does not answer. */
export async function openCache(
  { redisUrl }: Pick<Config, 'redisUrl'>,
  { clock, log }: { clock: Clock; log: Log },
): Promise<Cache> {
  if (redisUrl === null) return openMemoryCache({ clock, log });
  // Loaded only where it is needed: most development starts need no driver.
  const { openRedisCache } = await import('./redis/redis-cache.ts');
  return openRedisCache({ url: redisUrl, clock, log });
}
