import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, setPriority } from 'node:os';
import type { Config } from './config.ts';

const CORES = availableParallelism();

// libuv's own number, for a process that never asked.
const THREADS_UNASKED = 4;

// For other users of the pool, while bcrypt has every core for a quarter of a second at a time.
const SPARE_THREADS = 2;

/**
 * Asks for the threads of libuv's pool, unless UV_THREADPOOL_SIZE says how many. Must run before anything uses the pool, which
 * reads that variable once.
 *
 * One per core for Argon2: with more, successive hashes wander from core to core, which costs a fifth of all logins (ADR 10);
 * other users of the pool wait for one hash, some ten milliseconds. Bcrypt has nothing in the caches to lose but takes long, so
 * other users of the pool get threads of their own: otherwise each step of the handshake of every connection to PostgreSQL would
 * wait for a hash.
 */
export function sizeThreadPool(algorithm: Config['passwords']['hash']): void {
  process.env.UV_THREADPOOL_SIZE ??= String(algorithm === 'bcrypt' ? CORES + SPARE_THREADS : CORES);
}

/** How the hashes share the pool. */
export interface HashThreads {
  /** How many run at once: one per core, or one per thread of the pool where it has fewer threads. */
  readonly hashes: number;
  /**
   * While hashes take less than this many milliseconds, one more is given to the pool, which keeps it until a thread is free:
   * otherwise a core would be idle until the event loop gives it the next. 0 where the pool has a thread for that one anyway.
   */
  readonly aheadBelowMs: number;
}

/** How hashes share the pool, with the number of threads that was asked for. */
export function hashThreads(): HashThreads {
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? THREADS_UNASKED) || 1;
  return { hashes: Math.min(CORES, threads), aheadBelowMs: threads > CORES ? 0 : 50 };
}

// Gives a thread that hashes a quarter of the share of the one that answers requests, where both want the same core.
const NICE = 6;

/**
 * Makes the threads that hash give way to the one that answers requests, which competes with them for a core while people log in.
 * Must run once the pool has its threads. Does nothing except on Linux, where each thread has a priority of its own.
 */
export function letHashesGiveWay(): void {
  if (process.platform !== 'linux') return;
  const threads = '/proc/self/task';
  try {
    for (const thread of readdirSync(threads)) {
      const name = readFileSync(`${threads}/${thread}/comm`, 'utf8').trim();
      if (name === 'libuv-worker') setPriority(Number(thread), NICE);
    }
  } catch {
    // A sandbox may show no threads, or forbid the change: hashes go on as equals.
  }
}
