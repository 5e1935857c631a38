import { type Actor, recordEvent, system } from '../audit/record.ts';
import type { Caller } from '../platform/caller.ts';
import { addSeconds } from '../platform/clock.ts';
import { isSymmetric } from '../platform/config.ts';
import type { Deps } from '../platform/deps.ts';
import { generateSigningKey } from './algorithms.ts';
import {
  insertKey,
  listLiveKeys,
  lockKeys,
  removeDeadKeys,
  removeOtherKeys,
  retireOthers,
  type SigningKeyRow,
} from './queries.ts';
import { sealContext } from './ring-state.ts';

/** How long verifiers may keep the JWKS, in seconds: its Cache-Control max-age. */
export const JWKS_MAX_AGE = 300;
/** From a new key's publication to its first signature, in seconds: by then every cached JWKS has expired, twice over. */
export const PUBLISH_LEAD = 600;
// Replicas' clocks may differ by this much, in seconds, when one signs last and another verifies last.
const OVERLAP_MARGIN = 60;
// No key waits this long, in seconds, whatever clock it was made by: that clock was far ahead, and has been put back.
const FAR_AHEAD = 86_400;

export interface RotationCause {
  readonly actor: Actor;
  readonly caller: Caller | null;
  readonly reason: 'command' | 'request' | 'age' | 'algorithm' | 'leak';
}

/** The channel on which replicas tell each other that the table of keys has changed. */
export const KEYS_CHANGED = 'keys-changed';

export interface Rotation {
  /** False when a successor was waiting already: rotating twice at once makes one key. */
  readonly made: boolean;
  readonly key: SigningKeyRow;
}

/**
 * Makes the next signing key. It is published at once and signs after `lead` seconds; its predecessor then verifies until
 * the last token that it signed has expired. If several callers ask at once, on any replica, one makes the key. Null under
 * HS256, HS384 and HS512, where JWT_SECRET_KEY signs, and if the ALGORITHM in force is not this one.
 */
export async function rotateKeys(
  deps: Deps,
  cause: RotationCause,
  lead = PUBLISH_LEAD,
): Promise<Rotation | null> {
  if (isSymmetric(deps.config.tokens.algorithm)) return null;
  const rows = await listLiveKeys(deps.db, deps.clock.now());
  // Before the first start there is no key to succeed: the service would sign with this one at once, whatever its `signsFrom`.
  if (rows.length === 0) return firstKey(deps, { ...cause, reason: 'algorithm' });
  if (isOvertaken(deps, rows)) return null;
  const waiting = waitingKey(deps, rows);
  if (waiting !== null) return { made: false, key: waiting };
  return succeed(deps, cause, lead, rows => waitingKey(deps, rows));
}

/**
 * Makes a key for the configured algorithm if it has none. That key signs at once, even after a change of ALGORITHM:
 * whoever changes that changes what its verifiers must accept. Tokens of the former algorithm stay good until they expire.
 * Returns every key that is live now.
 */
export async function ensureSigningKey(deps: Deps): Promise<SigningKeyRow[]> {
  const rows = await listLiveKeys(deps.db, deps.clock.now());
  if (currentKey(deps, rows) !== null) return rows;
  await firstKey(deps, { actor: system, caller: null, reason: 'algorithm' });
  return listLiveKeys(deps.db, deps.clock.now());
}

function firstKey(deps: Deps, cause: RotationCause): Promise<Rotation> {
  return succeed(deps, cause, 0, rows => currentKey(deps, rows));
}

function currentKey({ config }: Deps, rows: readonly SigningKeyRow[]): SigningKeyRow | null {
  const { algorithm } = config.tokens;
  return rows.find(row => row.algorithm === algorithm && row.signsUntil === null) ?? null;
}

/**
 * For a key that has leaked: makes a key that signs at once and removes every other, so that whatever those signed is
 * refused as soon as each replica has looked (seconds). Sessions live on: users refresh. Null in the same cases as
 * `rotateKeys`.
 */
export async function replaceKeys(
  deps: Deps,
  cause: Omit<RotationCause, 'reason'>,
): Promise<Rotation | null> {
  if (isSymmetric(deps.config.tokens.algorithm)) return null;
  if (isOvertaken(deps, await listLiveKeys(deps.db, deps.clock.now()))) return null;
  return succeed(deps, { ...cause, reason: 'leak' }, 0, () => null);
}

// The key pair is made before the transaction, which holds the lock only to look again and to write.
async function succeed(
  deps: Deps,
  cause: RotationCause,
  lead: number,
  already: (rows: readonly SigningKeyRow[]) => SigningKeyRow | null,
): Promise<Rotation> {
  const { db, clock, config, cache } = deps;
  const fresh = await makeKey(deps, lead);
  const rotation = await db.transaction(async tx => {
    await lockKeys(tx);
    const found = already(await listLiveKeys(tx, clock.now()));
    if (found !== null) return { made: false, key: found };
    await removeDeadKeys(tx, clock.now());
    await insertKey(tx, fresh);
    const verifiesUntil = addSeconds(fresh.signsFrom, config.tokens.accessLifetime + OVERLAP_MARGIN);
    if (cause.reason === 'leak') await removeOtherKeys(tx, fresh.kid);
    await retireOthers(tx, {
      kid: fresh.kid,
      signsUntil: fresh.signsFrom,
      verifiesUntil,
      latest: addSeconds(verifiesUntil, FAR_AHEAD),
    });
    await recordEvent(deps, tx, {
      type: cause.reason === 'algorithm' ? 'key.created' : 'key.rotated',
      outcome: 'success',
      reason: cause.reason,
      actor: cause.actor,
      caller: cause.caller,
      data: { kid: fresh.kid, algorithm: fresh.algorithm, signs_from: fresh.signsFrom.toISOString() },
    });
    return { made: true, key: fresh };
  });
  // Replicas look by themselves within seconds; with Redis they need not wait.
  if (rotation.made) await cache.broadcast(KEYS_CHANGED, fresh.kid);
  return rotation;
}

async function makeKey({ clock, config, secrets }: Deps, lead: number): Promise<SigningKeyRow> {
  const { algorithm } = config.tokens;
  const createdAt = clock.now();
  const times = { createdAt, signsFrom: addSeconds(createdAt, lead), signsUntil: null, verifiesUntil: null };
  if (isSymmetric(algorithm)) {
    return { ...times, kid: algorithm, algorithm, publicJwk: {}, privateKeySealed: Buffer.alloc(0) };
  }
  const { kid, publicJwk, privateKey } = await generateSigningKey(algorithm);
  return {
    ...times,
    kid,
    algorithm,
    publicJwk,
    privateKeySealed: secrets.seal(sealContext(kid), privateKey),
  };
}

// A replica that was not restarted since ALGORITHM changed would make a key whose tokens the verifiers refuse by now.
function isOvertaken({ config }: Deps, rows: readonly SigningKeyRow[]): boolean {
  const inForce = rows.findLast(({ signsUntil }) => signsUntil === null);
  return inForce !== undefined && inForce.algorithm !== config.tokens.algorithm;
}

function waitingKey({ clock, config }: Deps, rows: readonly SigningKeyRow[]): SigningKeyRow | null {
  const now = clock.now();
  const { algorithm } = config.tokens;
  // A key that a change of ALGORITHM overtook while it waited only verifies, and will never sign.
  return (
    rows.find(
      row =>
        row.algorithm === algorithm &&
        row.signsUntil === null &&
        row.signsFrom > now &&
        !waitsTooLong(row, now),
    ) ?? null
  );
}

/** True of a key that a clock far ahead made: it would keep every other rotation waiting for as long. */
export function waitsTooLong({ signsFrom }: SigningKeyRow, now: Date): boolean {
  return signsFrom > addSeconds(now, FAR_AHEAD);
}
