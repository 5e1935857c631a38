import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Db, Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { sha256 } from '../platform/digest.ts';
import { uuidBytes } from '../platform/uuid.ts';
import {
  type EventKeys,
  ensureTrailKey,
  erasePersonKey,
  findPersonKeys,
  selectErased,
} from './key-queries.ts';

const SEED_BYTES = 16;
const TAG_BYTES = 16;
// In fields that were sealed before keys were in shares.
const IV_BYTES = 12;
// Safe, as each key encrypts one event only.
const NO_IV = Buffer.alloc(IV_BYTES);
// Events about nobody share a secret that is stored under this id like a person's, beside the key of the trail.
export const NOBODY = '00000000-0000-0000-0000-000000000000';
const trailKeys = new WeakMap<Db, Buffer>();

interface Placed {
  readonly userId: string | null;
  readonly eventId: string;
}

/** Personal fields on their way into the trail: `insertEvent` divides the seed into its shares. */
export interface SealedFields {
  /** With the key of the trail, this makes the key of the event; a bit string of PostgreSQL. */
  readonly seed: string;
  readonly sealed: Buffer;
}

/**
 * Encrypts an event's personal fields (AES-256-GCM, bound to the event's id) under a key of their own. That key is recovered
 * from three things, each kept in another place: the key of the trail, sealed under the root secret; the share in the event;
 * and the secret of the person whom it concerns, which an erasure deletes.
 */
export async function sealFields(
  deps: Deps,
  database: Sql,
  { eventId, plaintext }: { eventId: string; plaintext: string },
): Promise<SealedFields> {
  const seed = deps.random.bytes(SEED_BYTES);
  const cipher = createCipheriv('aes-256-gcm', eventKey(await trailKeyOf(deps, database), seed), NO_IV);
  cipher.setAAD(Buffer.from(eventId));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { seed: `x${seed.toString('hex')}`, sealed: Buffer.concat([cipher.getAuthTag(), body]) };
}

/**
 * Reads the key of the trail, or makes it together with nobody's secret, before the first request needs them. All events about
 * nobody share that secret: if it were made in a transaction that stays open, all others would wait.
 */
export async function ensureTrailKeys(deps: Deps): Promise<void> {
  await trailKeyOf(deps, deps.db);
}

/** Returns a function that opens personal fields; it gives null for erased people and for fields that were tampered with. */
export async function openerFor(
  deps: Deps,
  userIds: readonly (string | null)[],
): Promise<(event: Placed & { sealed: Buffer }) => Buffer | null> {
  const people = [...new Set([NOBODY, ...userIds.map(userId => userId ?? NOBODY)])];
  const keys = new Map((await findPersonKeys(deps.db, people)).map(row => [row.user_id, row]));
  const trailKey = openKey(deps, keys.get(NOBODY));
  return event => {
    const key = keys.get(event.userId ?? NOBODY);
    return key === undefined ? null : openFields(deps, { trailKey, key }, event);
  };
}

/** The fields of one event under the keys that are stored; null where these do not open them. */
export function openFields(
  deps: Pick<Deps, 'secrets'>,
  { trailKey, key }: { trailKey: Buffer | null; key: EventKeys },
  { eventId, sealed }: { eventId: string; sealed: Buffer },
): Buffer | null {
  const ofShares = trailKey && key.secret && openShared(trailKey, key.secret, { eventId, sealed });
  if (ofShares !== null) return ofShares;
  const former = openKey(deps, key);
  const body = IV_BYTES + TAG_BYTES;
  return (
    former &&
    open(former, eventId, {
      iv: sealed.subarray(0, IV_BYTES),
      tag: sealed.subarray(IV_BYTES, body),
      body: sealed.subarray(body),
    })
  );
}

/** Opens a sealed key: the trail's, or a person's from before keys were in shares; null if no root secret opens it. */
export function openKey({ secrets }: Pick<Deps, 'secrets'>, key: EventKeys | undefined): Buffer | null {
  if (!key?.key_sealed) return null;
  try {
    return secrets.open(contextOf(key.user_id), key.key_sealed);
  } catch {
    return null;
  }
}

/**
 * Deletes the person's secret in the caller's transaction: the personal fields of their events can never be read again,
 * the events themselves stay, and the chain still verifies.
 */
export async function erasePerson({ clock }: Deps, tx: Sql, userId: string): Promise<void> {
  await erasePersonKey(tx, userId, clock.now());
}

/** Which of these people were erased: no later event about them ever has personal fields. */
export async function erasedAmong(database: Sql, userIds: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set(await selectErased(database, userIds));
}

async function trailKeyOf({ db, clock, random, secrets }: Deps, database: Sql): Promise<Buffer> {
  const known = trailKeys.get(db);
  if (known !== undefined) return known;
  // On the caller's connection: if many transactions at once each waited for a second connection, they would hold all of them.
  const [stored] = await findPersonKeys(database, [NOBODY]);
  let sealed = stored?.secret ? stored.key_sealed : null;
  if (sealed === null) {
    const fresh = secrets.seal(contextOf(NOBODY), random.bytes(32));
    // Not in the caller's transaction: if that were rolled back, this would be a key that nobody stored.
    sealed = await ensureTrailKey(db, NOBODY, fresh, clock.now());
  }
  const key = secrets.open(contextOf(NOBODY), sealed);
  trailKeys.set(db, key);
  return key;
}

function openShared(
  trailKey: Buffer,
  secret: Buffer,
  { eventId, sealed }: { eventId: string; sealed: Buffer },
): Buffer | null {
  const other = sha256(Buffer.concat([secret, uuidBytes(eventId)]));
  const seed = sealed.subarray(0, SEED_BYTES).map((byte, index) => byte ^ (other[index] as number));
  const body = SEED_BYTES + TAG_BYTES;
  return open(eventKey(trailKey, Buffer.from(seed)), eventId, {
    iv: NO_IV,
    tag: sealed.subarray(SEED_BYTES, body),
    body: sealed.subarray(body),
  });
}

// Both have a fixed length, so that no other pair makes the same input.
function eventKey(trailKey: Buffer, seed: Buffer): Buffer {
  return sha256(Buffer.concat([trailKey, seed]));
}

function open(
  key: Buffer,
  eventId: string,
  { iv, tag, body }: { iv: Buffer; tag: Buffer; body: Buffer },
): Buffer | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(eventId));
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch {
    return null;
  }
}

/** What a person's key is sealed for: `secrets.open` needs it again. */
function contextOf(userId: string): string {
  return `audit_keys:${userId}`;
}
