import { randomBytes, randomInt, randomUUIDv7 } from 'node:crypto';

/** Where unpredictable values come from. All are from the operating system's CSPRNG. */
export interface Random {
  bytes(length: number): Buffer;
  /**
   * A time-ordered id for a new row (RFC 9562 §5.7). Not a secret. Ids of one process sort as they were made, also
   * within a millisecond and behind a clock that was set back, up to 4,096 of them (§6.2, method 1).
   */
  uuid(): string;
  /** `length` decimal digits, uniformly drawn. */
  digits(length: number): string;
}

export const systemRandom: Random = {
  bytes: length => randomBytes(length),
  uuid: countingUuid(randomUUIDv7),
  digits: length => Array.from({ length }, () => randomInt(10)).join(''),
};

/** Ids of version 7 that sort as they are made: the twelve bits behind the millisecond count. */
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
