import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

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
