import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, setPriority } from 'node:os';
import type { Config } from './config.ts';

const CORES = availableParallelism();

// What a process has that never asked: libuv's own number.
const THREADS_UNASKED = 4;

// For what else uses the pool while bcrypt has every core for a quarter of a second at a time.
const SPARE_THREADS = 2;

/**
 * Asks for the threads of libuv's pool, unless UV_THREADPOOL_SIZE says how many. Before anything uses the pool, which reads that
 * once.
 *
 * One a core for Argon2: with more, hashes that follow each other wander from core to core, which costs a fifth of all logins
 * (ADR 10); what else uses the pool waits for one hash, some ten milliseconds. Bcrypt has nothing in the caches to lose, and takes
 * long: what else uses the pool has threads of its own then, as the handshake of every connection to PostgreSQL does, whose steps
 * would each wait for a hash.
 */
export function sizeThreadPool(algorithm: Config['passwords']['hash']): void {
  process.env.UV_THREADPOOL_SIZE ??= String(algorithm === 'bcrypt' ? CORES + SPARE_THREADS : CORES);
}

/** How the hashes share the pool. */
export interface HashThreads {
  /** How many run at once: one a core, or one on each thread of the pool where it has fewer. */
  readonly hashes: number;
  /**
   * Where hashes take less than so many milliseconds, one more is given to the pool, which keeps it until a thread is free: a
   * core would be idle otherwise until the event loop comes to give it the next. None where the pool has a thread for it.
   */
  readonly aheadBelowMs: number;
}

/** How hashes share the pool as it was asked for. */
export function hashThreads(): HashThreads {
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? THREADS_UNASKED) || 1;
  return { hashes: Math.min(CORES, threads), aheadBelowMs: threads > CORES ? 0 : 50 };
}

// A quarter of the share of a thread that answers requests, where both want the same core.
const NICE = 6;

/**
 * Makes the threads that hash give way to the one that answers, which waits beside them for a core while people log in.
 * Once the pool has its threads; on Linux, where a thread has a priority of its own, and nowhere else.
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
    // A sandbox that shows no threads or forbids it: hashes go on as equals.
  }
}
