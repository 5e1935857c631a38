import { randomBytes } from 'node:crypto';

const PHC =
  /^\$argon2(id|i|d)\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}$/;

const library = () => import('@node-rs/argon2');

/** What a hash costs: KiB of memory and passes over them. One lane, so that a hash uses one core. */
export interface Argon2Cost {
  readonly memoryKib: number;
  readonly passes: number;
}

/** Whether a stored hash is a PHC string of Argon2 version 1.3 with parameters in range (RFC 9106 §3.1). */
export function isArgon2Hash(hash: string): boolean {
  const [, , memory, passes, lanes] = PHC.exec(hash) ?? [];
  return Number(lanes) >= 1 && Number(passes) >= 1 && Number(memory) >= 8 * Number(lanes);
}

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
  const encode = (length: number) => randomBytes(length).toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=1$${encode(16)}$${encode(32)}`;
}
