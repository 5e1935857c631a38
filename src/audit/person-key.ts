import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { ensurePersonKey, erasePersonKey, findPersonKey, findPersonKeys } from './key-queries.ts';

// A hot statement (a login, a logout) must not ask for the key first, so the process keeps those of recent people.
const KEPT = 10_000;
const IV_BYTES = 12;
const TAG_BYTES = 16;
// Nobody's key is stored like a person's, so that a change of the root secret reaches it too.
export const NOBODY = '00000000-0000-0000-0000-000000000000';
const kept = new WeakMap<Deps['db'], Map<string, Buffer>>();

interface Sealed {
  readonly userId: string | null;
  readonly eventId: string;
}

/**
 * Encrypts an event's personal fields (AES-256-GCM, bound to the event's id) under the key of the person, which is made
 * on first use; under nobody's key when the event concerns no account. Null once the person
 * was erased: what comes after an erasure is not kept.
 */
export async function sealFor(
  deps: Deps,
  database: Sql,
  { userId, eventId, plaintext }: Sealed & { plaintext: string },
): Promise<Buffer | null> {
  // Nobody's key is everybody's: made in a transaction that stays open, it would hold up all others.
  const key = await (userId === null ? keyOf(deps, deps.db, NOBODY) : keyOf(deps, database, userId));
  if (key === null) return null;
  const iv = deps.random.bytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(eventId));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]);
}

/** Makes nobody's key, before the first request needs it inside a transaction. */
export async function ensureNobodysKey(deps: Deps): Promise<void> {
  await keyOf(deps, deps.db, NOBODY);
}

/** Reads personal fields back: a function that gives null for whoever was erased and for what was tampered with. */
export async function openerFor(
  { db, secrets }: Deps,
  userIds: readonly (string | null)[],
): Promise<(event: Sealed & { sealed: Buffer }) => Buffer | null> {
  const keys = new Map<string, Buffer>();
  // Always from the table: what this process keeps would outlive an erasure made by another.
  for (const { user_id, key_sealed } of await findPersonKeys(db, [
    ...new Set(userIds.map(userId => userId ?? NOBODY)),
  ])) {
    if (key_sealed !== null) keys.set(user_id, secrets.open(contextOf(user_id), key_sealed));
  }
  return ({ userId, eventId, sealed }) => {
    const key = keys.get(userId ?? NOBODY);
    if (key === undefined) return null;
    try {
      return open(key, eventId, sealed);
    } catch {
      return null;
    }
  };
}

/** Whether a stored key is that of the person, under a root of the ring. */
export function opensPersonKey(
  { secrets }: Pick<Deps, 'secrets'>,
  { userId, sealed }: { userId: string; sealed: Buffer },
): boolean {
  try {
    return secrets.open(contextOf(userId), sealed).length > 0;
  } catch {
    return false;
  }
}

/**
 * Deletes the person's key in the caller's transaction: the personal fields of their events can never be read again,
 * the events themselves stay, and the chain still verifies.
 */
export async function erasePerson({ db, clock }: Deps, tx: Sql, userId: string): Promise<void> {
  await erasePersonKey(tx, userId, clock.now());
  kept.get(db)?.delete(userId);
}

async function keyOf(
  { db, clock, random, secrets }: Deps,
  database: Sql,
  userId: string,
): Promise<Buffer | null> {
  let keys = kept.get(db);
  if (keys === undefined) kept.set(db, (keys = new Map()));
  const known = keys.get(userId);
  if (known !== undefined) return known;
  const make = () =>
    ensurePersonKey(database, userId, secrets.seal(contextOf(userId), random.bytes(32)), clock.now());
  // Nearly everybody has a key already, and a read shares its round trip with others'.
  const found = (database === db ? await findPersonKey(db, userId) : null) ?? (await make());
  if (found.key_sealed === null) return null;
  // In memory of its own: a small Buffer is a piece of 64 KiB, which would stay for as long as the piece is kept.
  const opened = secrets.open(contextOf(userId), found.key_sealed);
  const key = Buffer.alloc(opened.length, opened);
  // Made in a transaction that may yet roll back: keeping it would seal later events under a key that nobody stored.
  if (found.uncommitted && database !== db) return key;
  if (keys.size >= KEPT) keys.delete(keys.keys().next().value as string);
  keys.set(userId, key);
  return key;
}

function open(key: Buffer, eventId: string, sealed: Buffer): Buffer {
  const body = IV_BYTES + TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES));
  decipher.setAAD(Buffer.from(eventId));
  decipher.setAuthTag(sealed.subarray(IV_BYTES, body));
  return Buffer.concat([decipher.update(sealed.subarray(body)), decipher.final()]);
}

/** What a person's key is sealed for: `secrets.open` needs it again. */
function contextOf(userId: string): string {
  return `audit_keys:${userId}`;
}
