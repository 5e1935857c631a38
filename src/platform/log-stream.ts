import { write, writeSync } from 'node:fs';

/** What a logger writes its lines to. */
export interface LogStream {
  write(line: string): void;
  /** Writes what waits; calls `done` when it was written or could not be. */
  flush(done?: () => void): void;
}

/** Makes the line that says how many were dropped, and why. */
export type DropNotice = (dropped: number, why: string) => string;

// Lines are written in the background and together: a line costs its request no system call, and appears a moment later at most.
const TOGETHER = 4_096;
const FLUSH_MS = 100;
// How many characters at most may wait for a full disk or a slow reader.
const MOST_WAITING = 8 * 1_048_576;
// How long the end of the process waits for a slow reader.
const PATIENCE_MS = 1_000;

const opened = new Map<number, LogStream>();

/**
 * The stream to a descriptor, one for the whole process. Whatever happens to it, the process goes on: what cannot be written (a
 * full disk, a file at its limit, a reader that has gone) is tried again and again, what exceeds eight megabytes is dropped, and
 * `notice` says so once it can be written. At the exit what is left is tried once.
 *
 * pino's own destination grows without a bound, and at the exit tries a full disk for ever.
 */
export function logStream(descriptor: number, notice: DropNotice): LogStream {
  const stream = opened.get(descriptor) ?? makeStream(descriptor, notice);
  opened.set(descriptor, stream);
  return stream;
}

function makeStream(descriptor: number, notice: DropNotice): LogStream {
  let waiting = '';
  // What is being written. What could not be written stays here, since a line may have been written in part.
  let taken: Buffer = Buffer.alloc(0);
  let writing = false;
  let dropped = 0;
  let fault: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const flushed: (() => void)[] = [];

  const later = () => {
    timer ??= setTimeout(next, FLUSH_MS).unref();
  };
  const settle = () => {
    for (const done of flushed.splice(0)) done();
  };
  const confess = () => {
    if (dropped > 0) waiting += notice(dropped, fault ?? 'its reader is too slow');
    dropped = 0;
    fault = undefined;
  };

  function next(): void {
    clearTimeout(timer);
    timer = undefined;
    if (writing) return;
    if (taken.length === 0) {
      taken = Buffer.from(waiting);
      waiting = '';
    }
    if (taken.length === 0) return settle();
    writing = true;
    write(descriptor, taken, (error, bytes) => {
      writing = false;
      if (error !== null) {
        if (error.code !== 'EAGAIN') fault = error.code;
        settle();
        return later();
      }
      taken = taken.subarray(bytes);
      if (taken.length === 0) confess();
      if (taken.length > 0 || waiting.length >= TOGETHER || flushed.length > 0) next();
      else if (waiting !== '') later();
    });
  }

  process.on('exit', () => {
    confess();
    // What is being written at this moment must not be written twice.
    writeNow(descriptor, Buffer.concat([writing ? Buffer.alloc(0) : taken, Buffer.from(waiting)]));
  });

  return {
    write(line) {
      if (waiting.length >= MOST_WAITING) {
        dropped++;
        return;
      }
      waiting += line;
      if (waiting.length >= TOGETHER && taken.length === 0) next();
      else later();
    },
    flush(done) {
      if (done !== undefined) flushed.push(done);
      next();
    },
  };
}

function writeNow(descriptor: number, bytes: Buffer): void {
  const until = performance.now() + PATIENCE_MS;
  for (let left = bytes; left.length > 0; ) {
    try {
      left = left.subarray(writeSync(descriptor, left));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > until) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
