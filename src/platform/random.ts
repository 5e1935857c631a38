import { randomFillSync, randomInt, randomUUIDv7 } from 'node:crypto';

/** Where unpredictable values come from. All are from the operating system's CSPRNG. */
export interface Random {
  bytes(length: number): Buffer;
  /**
   * A time-ordered id for a new row (RFC 9562 §5.7). Not a secret. Ids of one process sort in the order they were made, even
   * within a millisecond and after the clock was set back, up to 4,096 of them (§6.2, method 1).
   */
  uuid(): string;
  /** `length` decimal digits, uniformly drawn. */
  digits(length: number): string;
}

// A call into the operating system's generator costs as much for twelve bytes as for this many.
const POOL_BYTES = 4_096;

export const systemRandom: Random = {
  bytes: pooledBytes(randomFillSync),
  uuid: countingUuid(randomUUIDv7),
  digits: length => Array.from({ length }, () => randomInt(10)).join(''),
};

/** Ids of version 7 that sort in the order they are made: the twelve bits behind the millisecond are a counter. */
export function countingUuid(draw: () => string): () => string {
  let time = '';
  let count = 0;
  return () => {
    const id = draw();
    const now = id.slice(0, 13);
    if (now > time || count === 0xfff) {
      time = now;
      count = 0;
    } else count += 1;
    return `${time}-7${count.toString(16).padStart(3, '0')}${id.slice(18)}`;
  };
}

/** Bytes from a pool that `fill` fills for many calls at once. Bytes that were given away are wiped from the pool. */
export function pooledBytes(fill: (bytes: Buffer) => unknown): (length: number) => Buffer {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return length => {
    const bytes = Buffer.alloc(length);
    if (length > POOL_BYTES) {
      fill(bytes);
      return bytes;
    }
    if (used + length > POOL_BYTES) {
      fill(pool);
      used = 0;
    }
    pool.copy(bytes, 0, used, used + length);
    pool.fill(0, used, used + length);
    used += length;
    return bytes;
  };
}
