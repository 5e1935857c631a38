import { timingSafeEqual } from 'node:crypto';
import { sha256 } from '../platform/digest.ts';
import type { Secrets } from '../platform/secrets.ts';
import { uuidAt, uuidBytes } from '../platform/uuid.ts';

/** What a refresh token contains. It rotates its session only where that has the same generation and the seed's hash. */
export interface RefreshToken {
  readonly sessionId: string;
  /** How often the session was refreshed when this token was made. */
  readonly generation: number;
  /** 256 random bits that only the token holds; the session row keeps their SHA-256. */
  readonly seed: Buffer;
}

const VERSION = 1;
const BODY_BYTES = 1 + 16 + 4 + 32;
const TOKEN_BYTES = BODY_BYTES + 32;

/**
 * One opaque base64url string. The same session, generation and seed always give the same token, so that a lost answer can
 * be repeated without being stored. The database does not hold the plain seed and the token does not hold the key: neither
 * alone is enough to make a token.
 */
export function encodeRefreshToken(secrets: Secrets, { sessionId, generation, seed }: RefreshToken): string {
  const body = Buffer.alloc(BODY_BYTES);
  body[0] = VERSION;
  uuidBytes(sessionId).copy(body, 1);
  body.writeUInt32BE(generation, 17);
  seed.copy(body, 21);
  return Buffer.concat([body, secrets.mac('refresh-token', body)]).toString('base64url');
}

/** The token's content, or null for anything that this service did not make; does not ask the database. */
export function decodeRefreshToken(secrets: Secrets, token: string): RefreshToken | null {
  if (token.length !== Math.ceil((TOKEN_BYTES * 4) / 3)) return null;
  const bytes = Buffer.from(token, 'base64url');
  if (bytes[0] !== VERSION || bytes.toString('base64url') !== token) return null;
  const body = bytes.subarray(0, BODY_BYTES);
  if (!secrets.verifyMac('refresh-token', body, bytes.subarray(BODY_BYTES))) return null;
  return {
    sessionId: uuidAt(body, 1),
    generation: body.readUInt32BE(17),
    seed: Buffer.from(body.subarray(21)),
  };
}

/** What the session row keeps of the seed. */
export function hashSeed(seed: Buffer): Buffer {
  return sha256(seed);
}

/** Compares the seed with the kept hash in constant time. */
export function seedMatches(seed: Buffer, hash: Buffer): boolean {
  return timingSafeEqual(hashSeed(seed), hash);
}
