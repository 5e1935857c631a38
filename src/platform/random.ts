import { randomBytes, randomInt, randomUUIDv7 } from 'node:crypto';

/** Where unpredictable values come from. All are from the operating system's CSPRNG. */
export interface Random {
  bytes(length: number): Buffer;
  /** A time-ordered id for a new row (RFC 9562 §5.7). Not a secret. */
  uuid(): string;
  /** `length` decimal digits, uniformly drawn. */
  digits(length: number): string;
}

export const systemRandom: Random = {
  bytes: length => randomBytes(length),
  uuid: () => randomUUIDv7(),
  digits: length => Array.from({ length }, () => randomInt(10)).join(''),
};
