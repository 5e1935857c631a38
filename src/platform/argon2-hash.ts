import { randomBytes } from 'node:crypto';
import { loadOnce } from './load-once.ts';

const NUMBER = '([1-9]\\d{0,6})';
const PHC = new RegExp(
  `^\\$argon2(id|i|d)\\$v=19\\$m=${NUMBER},t=${NUMBER},p=${NUMBER}\\$([A-Za-z0-9+/]{11,64})\\$([A-Za-z0-9+/]{16,86})$`,
);

/**
 * The most that a stored or configured hash may cost: KiB of memory, which every core may take at once; passes; lanes; and
 * `work`, KiB times passes, which takes as long as the greatest cost of bcrypt. Whoever writes a hash into the database must not
 * be able to exhaust the memory or the cores with it.
 */
export const ARGON2_MAX = { memoryKib: 262_144, passes: 64, lanes: 16, work: 4_194_304 } as const;

const library = loadOnce(() => import('@node-rs/argon2'));

/** What a hash costs: KiB of memory and passes over them. One lane, so that a hash uses one core. */
export interface Argon2Cost {
  readonly memoryKib: number;
  readonly passes: number;
}

/**
 * Whether a stored hash is a PHC string of Argon2 version 1.3 with parameters in range (RFC 9106 §3.1) and within ARGON2_MAX, so
 * that `argon2Verify` does not throw.
 */
export function isArgon2Hash(hash: string): boolean {
  const [, , memory, passes, lanes, salt = '', digest = ''] = PHC.exec(hash) ?? [];
  const [m, t, p] = [Number(memory), Number(passes), Number(lanes)];
  return (
    m >= 8 * p &&
    m <= ARGON2_MAX.memoryKib &&
    t <= ARGON2_MAX.passes &&
    p <= ARGON2_MAX.lanes &&
    m * t <= ARGON2_MAX.work &&
    isCanonical(salt) &&
    isCanonical(digest)
  );
}

// The library refuses Base64 whose unused last bits are set.
const isCanonical = (text: string) => unpadded(Buffer.from(text, 'base64')) === text;
const unpadded = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');

/** The PHC string of a password's bytes under Argon2id (RFC 9106). */
export async function argon2Hash(password: Buffer, { memoryKib, passes }: Argon2Cost): Promise<string> {
  const { hash } = await library();
  return hash(password, { memoryCost: memoryKib, timeCost: passes, parallelism: 1 });
}

/** Whether the bytes make this hash, at the cost that it carries. */
export async function argon2Verify(stored: string, password: Buffer): Promise<boolean> {
  const { verify } = await library();
  return verify(stored, password);
}

/** True when a hash is another variant than Argon2id, or takes less memory or fewer passes. */
export function argon2IsWeaker(stored: string, { memoryKib, passes }: Argon2Cost): boolean {
  const [, variant, memory, time] = PHC.exec(stored) ?? [];
  return variant !== 'id' || Number(memory) < memoryKib || Number(time) < passes;
}

/** What a hash costs, for comparing it with others. */
export function argon2Kind(stored: string): string {
  return stored.split('$').slice(1, 4).join(' ');
}

/** A hash that no password makes, at this cost: comparing with it takes as long as with a real one. */
export function argon2Decoy({ memoryKib, passes }: Argon2Cost): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=1$${unpadded(randomBytes(16))}$${unpadded(randomBytes(32))}`;
}
