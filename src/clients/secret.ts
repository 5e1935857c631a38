import { timingSafeEqual } from 'node:crypto';
import { sha256 } from '../platform/digest.ts';
import type { Random } from '../platform/random.ts';

// A fixed start lets secret scanners find one that was committed by mistake.
const PREFIX = 'ecs_';

/** A new client secret of 256 random bits, and what is stored of it. */
export function makeSecret(random: Random): { secret: string; hash: Buffer } {
  const secret = PREFIX + random.bytes(32).toString('base64url');
  return { secret, hash: hashSecret(secret) };
}

/** SHA-256: a secret of 256 random bits cannot be guessed, so a slow hash would add nothing. */
function hashSecret(secret: string): Buffer {
  return sha256(secret);
}

/** Whether a presented secret has one of these hashes; each is compared in constant time. */
export function secretMatches(secret: string, hashes: readonly (Buffer | null)[]): boolean {
  const presented = hashSecret(secret);
  let matches = false;
  for (const hash of hashes) {
    if (hash !== null && hash.length === presented.length && timingSafeEqual(hash, presented)) matches = true;
  }
  return matches;
}
