import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from '../start-error.ts';

export interface Lock {
  release(): void;
}

const SQLITE_BUSY = 5;
const RETRY_MS = 10;

interface Wait {
  /** Called every ten seconds while the wait goes on. */
  readonly onWait: () => void;
  /** Ends the wait; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  readonly patienceMs?: number;
}

// A first start, a recovery and a stop each take less, even on a slow disk.
const PATIENCE_MS = 180_000;

/**
 * Waits for the lock that only one process at a time holds. Node has no flock, but an open SQLite transaction holds the
 * operating system's own record lock, which the kernel releases when the process dies, however it dies. If the holder lives
 * but hangs, the wait ends with an error that says how to find it.
 */
export async function takeExclusive(
  file: string,
  { onWait, signal, patienceMs = PATIENCE_MS }: Wait,
): Promise<Lock> {
  const since = performance.now();
  for (let waited = 0; ; waited += RETRY_MS) {
    signal?.throwIfAborted();
    const lock = tryExclusive(file);
    if (lock !== null) return lock;
    if (performance.now() - since > patienceMs) {
      throw new StartError(
        `Another process has been at ${file} for ${patienceMs / 1000} s without an end: it hangs, or was stopped. ` +
          `End it (fuser -v ${file} names it), or set DATA_DIR to another folder.`,
      );
    }
    if (waited % 10_000 === 5_000) onWait();
    await sleep(RETRY_MS);
  }
}

/** The exclusive lock if nobody holds the file, shared or exclusively; else null. */
export function tryExclusive(file: string): Lock | null {
  // Without a journal file: a full disk has no room for one.
  return begin(file, 'pragma journal_mode = memory; begin exclusive');
}

/** A lock that many processes hold at once, and that keeps `tryExclusive` away. Null while a process holds it exclusively. */
export function tryShared(file: string): Lock | null {
  return begin(file, 'begin; select count(*) from sqlite_master');
}

function begin(file: string, statements: string): Lock | null {
  // The file is made beforehand, with its mode and owner: SQLite would make it readable by everybody.
  if (!existsSync(file)) {
    throw new StartError(
      `${file} is missing: the folder was moved or removed while it was in use. Put it back, or stop whatever uses it.`,
    );
  }
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec(statements);
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw new StartError(
      `${file} cannot be locked: ${(error as Error).message}. Give it to the user that runs the service; if it is damaged, ` +
        'remove it while nothing uses this folder: it holds no data.',
      { cause: error },
    );
  }
  return {
    release() {
      if (database.isOpen) database.close();
    },
  };
}
