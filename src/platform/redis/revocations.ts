import type { Revocation, RevocationKind } from '../cache.ts';
import { type Clock, numericDate } from '../clock.ts';
import type { Log } from '../log.ts';
import { systemRandom } from '../random.ts';
import type { Breaker } from './breaker.ts';
import type { Client } from './connect.ts';
import type { Keys } from './keys.ts';

export interface RevocationCopy {
  publish(kind: RevocationKind, id: string, seconds: number): Promise<void>;
  refillFrom(source: () => Promise<readonly Revocation[]>): void;
  /** Something may be missing from Redis: the next check writes every live revocation again. */
  markStale(): void;
  /** The same, and once more later, for a revocation that may be committed in the source only after the next check. */
  doubt(): void;
  /** Writes every live revocation where the copy may lack some. */
  check(): Promise<void>;
  stop(): void;
}

// Longer than the server lets a statement run (server-settings.ts), so one whose answer was lost has ended by then.
const LATEST_COMMIT_MS = 20_000;
// Few enough that a batch is written within one command timeout, even by a busy server.
const BATCH = 200;
// Longer than any refill takes. The key must expire, because a process that dies during a refill leaves it behind.
const FILLING_SECONDS = 3_600;

const FINISH = `
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return 1`;

interface Parts {
  readonly client: Client;
  readonly breaker: Breaker;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The copy of the revocations that gateways read. Each is written as it happens; all are written anew from the source after
 * a flush (the key `filled` is gone), an outage or a failover (marked stale), since these may have lost some.
 */
export function openRevocationCopy({ client, breaker, keys, clock, log }: Parts): RevocationCopy {
  let source: (() => Promise<readonly Revocation[]>) | null = null;
  let stale = true;
  let checking: Promise<void> | null = null;
  let later: NodeJS.Timeout | undefined;
  const filling = keys.filling(systemRandom.uuid());

  const write = (kind: RevocationKind, id: string, revokedAt: Date, seconds: number) =>
    client.set(keys.revoked(kind, id), numericDate(revokedAt), 'EX', Math.max(1, Math.ceil(seconds)));

  const refill = async (read: () => Promise<readonly Revocation[]>) => {
    // Set before the source is read: a revocation that cannot be written from now on makes the copy stale again.
    stale = false;
    if ((await breaker.call(() => client.set(filling, '1', 'EX', FILLING_SECONDS))) === null)
      throw wentAway();
    const live = await read();
    const now = clock.now().getTime();
    for (let at = 0; at < live.length; at += BATCH) {
      const batch = live.slice(at, at + BATCH);
      const written = await breaker.call(() =>
        Promise.all(
          batch.map(({ kind, id, revokedAt, expiresAt }) =>
            write(kind, id, revokedAt, (expiresAt.getTime() - now) / 1000),
          ),
        ),
      );
      if (written === null) throw wentAway();
    }
    const filled = await breaker.call(() =>
      client.eval(FINISH, 2, filling, keys.filled, numericDate(clock.now())),
    );
    if (filled === null) throw wentAway();
    // What other processes published between the reading and the flush is neither in `live` nor in Redis.
    if (filled === 0) throw new Error('Redis was flushed during the refill');
    if (live.length > 0)
      log.info({ revocations: live.length }, 'the revocations in Redis are complete again');
  };
  const checkOnce = async () => {
    if (source === null || breaker.isOpen()) return;
    const filled = await breaker.call(() => client.exists(keys.filled));
    if (filled === null || (filled === 1 && !stale)) return;
    try {
      await refill(source);
    } catch (err) {
      stale = true;
      if (source !== null) log.warn({ err }, 'the revocations in Redis are not complete yet');
    }
  };

  return {
    async publish(kind, id, seconds) {
      // A failed write opens the breaker, and when the breaker closes again the copy is marked stale.
      await breaker.call(() => write(kind, id, clock.now(), seconds));
    },
    refillFrom(read) {
      source = read;
    },
    markStale() {
      stale = true;
    },
    doubt() {
      stale = true;
      clearTimeout(later);
      later = setTimeout(() => {
        stale = true;
      }, LATEST_COMMIT_MS).unref();
    },
    check() {
      return (checking ??= checkOnce().finally(() => {
        checking = null;
      }));
    },
    stop() {
      source = null;
      clearTimeout(later);
    },
  };
}

const wentAway = () => new Error('Redis went away during the refill');
