import type { Cache } from './cache.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Db } from './database.ts';
import type { Hasher } from './hasher.ts';
import type { Log } from './log.ts';
import type { Random } from './random.ts';
import type { Secrets } from './secrets.ts';

/** The world as a verb sees it: its first argument, destructured to what it uses. */
export interface Deps {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly cache: Cache;
  readonly log: Log;
  readonly config: Config;
  readonly secrets: Secrets;
  readonly hasher: Hasher;
}
