import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, setPriority } from 'node:os';

const CORES = availableParallelism();

// With more threads than cores, hashes that follow each other wander from core to core, and those that run at once take each
// other's caches: a fifth of all logins (ADR 10). What else uses the pool, as DNS and WebCrypto do, waits for one hash then, or
// for two short ones. The pool reads its size once, when it is first used: after every module has been loaded.
process.env.UV_THREADPOOL_SIZE ??= String(CORES);
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 1;

/** How many hashes run at once: one a core, or one on each thread of libuv's pool where it has fewer. */
export const HASH_THREADS = Math.min(CORES, THREADS);

/**
 * Where hashes take less than so many milliseconds, one more is given to the pool, which keeps it until a thread is free: a core
 * would be idle otherwise until the event loop comes to give it the next. None where the pool has a thread for it.
 */
export const AHEAD_BELOW_MS = THREADS > CORES ? 0 : 50;

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
