import { createHmac, randomBytes } from 'node:crypto';
import { sha256 } from './digest.ts';
import { loadOnce } from './load-once.ts';

// bcrypt reads 72 bytes; in a shorter password one of them is the terminator. A password that fills all 72 is hashed as passlib's
// bcrypt_sha256 instead, so that no two passwords share a hash.
const BCRYPT_BYTES = 72;
const SALT_BYTES = 16;
const DIGEST_BYTES = 23;

/**
 * What a stored or configured hash may cost. bcrypt allows up to 31, at which one hash would hold a core for a day; 16 takes some
 * seconds.
 */
export const BCRYPT_COST = { min: 4, max: 16 } as const;

const PLAIN = /^\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}$/;
const SHA256 = (parameters: string) =>
  new RegExp(`^\\$bcrypt-sha256\\$${parameters}\\$([./A-Za-z0-9]{22})\\$([./A-Za-z0-9]{31})$`);
const SHA256_V2 = SHA256('v=2,t=(2[aby]),r=([4-9]|1[0-6])');
const SHA256_V1 = SHA256('(2[aby]),([4-9]|1[0-6])');

const library = loadOnce(() => import('@node-rs/bcrypt'));

/**
 * Whether a stored hash is bcrypt's, plain (`$2a$`, `$2b$`, `$2y$`) or passlib's `bcrypt_sha256` of either version, at a
 * cost within BCRYPT_COST.
 */
export function isBcryptHash(hash: string): boolean {
  return [PLAIN, SHA256_V2, SHA256_V1].some(form => form.test(hash));
}

/** The hash of a password's bytes: `$2b$…`, or `$bcrypt-sha256$v=2,t=2b,…` (passlib 1.7.3) from 72 bytes on. */
export async function bcryptHash(password: Buffer, cost: number): Promise<string> {
  const { hash } = await library();
  const salt = encode(randomBytes(SALT_BYTES)).slice(0, 22);
  const config = `$2b$${String(cost).padStart(2, '0')}$${salt}`;
  if (password.length < BCRYPT_BYTES) return hash(password, { salt: config });
  const digest = (await hash(keyedDigest(password, salt), { salt: config })).slice(config.length);
  return `$bcrypt-sha256$v=2,t=2b,r=${cost}$${salt}$${digest}`;
}

/** Whether this hash was made from these bytes. Of a plain hash only 72 bytes count, as when it was made. */
export async function bcryptVerify(stored: string, password: Buffer): Promise<boolean> {
  const { verify } = await library();
  if (PLAIN.test(stored)) return verify(password, stored);
  const [, version, rounds = '', salt = '', digest = ''] =
    SHA256_V2.exec(stored) ?? SHA256_V1.exec(stored) ?? [];
  if (version === undefined) return false;
  const key = SHA256_V2.test(stored) ? keyedDigest(password, salt) : plainDigest(password);
  return verify(key, `$${version}$${rounds.padStart(2, '0')}$${salt}${digest}`);
}

/** True when a hash costs less than `cost`, is of an older form, or was made from the first 72 bytes of `password`. */
export function bcryptIsWeaker(stored: string, cost: number, password: Buffer): boolean {
  const plain = PLAIN.exec(stored);
  if (plain !== null) return Number(plain[1]) < cost || password.length >= BCRYPT_BYTES;
  const keyed = SHA256_V2.exec(stored);
  return keyed === null || Number(keyed[2]) < cost;
}

/** What a hash costs, for comparing it with others. */
export function bcryptKind(stored: string): string {
  const [, , rounds] = SHA256_V2.exec(stored) ?? SHA256_V1.exec(stored) ?? [];
  return `bcrypt ${Number(PLAIN.exec(stored)?.[1] ?? rounds)}`;
}

/** A hash that no password makes, at this cost: comparing with it takes as long as with a real one. */
export function bcryptDecoy(cost: number): string {
  const salt = encode(randomBytes(SALT_BYTES)).slice(0, 22);
  return `$2b$${String(cost).padStart(2, '0')}$${salt}${encode(randomBytes(DIGEST_BYTES)).slice(0, 31)}`;
}

// passlib: bcrypt(base64(HMAC-SHA-256(key = the salt's text, password))).
function keyedDigest(password: Buffer, salt: string): string {
  return createHmac('sha256', salt).update(password).digest('base64');
}

// passlib before 1.7.3: bcrypt(base64(SHA-256(password))).
function plainDigest(password: Buffer): string {
  return sha256(password).toString('base64');
}

const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BCRYPT = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function encode(bytes: Buffer): string {
  return bytes
    .toString('base64')
    .replace(/[A-Za-z0-9+/]/g, letter => BCRYPT.charAt(STANDARD.indexOf(letter)));
}
