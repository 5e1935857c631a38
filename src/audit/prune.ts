import { daysAhead } from '../platform/clock-ahead.ts';
import type { Tx } from '../platform/database.ts';
import { isForbidden } from '../platform/database-errors.ts';
import type { Deps } from '../platform/deps.ts';
import { findLastBatch, findNextBatch, lockTrail } from './batch-queries.ts';
import { GENESIS, hashBatch, readEntries } from './canonical.ts';
import { NOBODY } from './personal-fields.ts';
import { isSignedPruning, pruningMessage } from './pruning-message.ts';
import { operator, recordEvent, system } from './record.ts';
import {
  addPruning,
  countUnsealed,
  findOldPartitions,
  findPrunable,
  removePartition,
  removeRows,
  removeUnusedKeys,
} from './retention-queries.ts';
import { batchMessage, nextPlace } from './seal.ts';
import { openSigningKey, type SigningKey } from './signing-key.ts';
import { findPrunings, type Pruning } from './verify-queries.ts';

export type Pruned =
  | { readonly verdict: 'nothing' }
  | { readonly verdict: 'unsealed'; events: number }
  | { readonly verdict: 'pruned'; before: Date; partitions: readonly string[]; events: number };

// How many rows of audit_keys to check at once: each is looked for in every month of the trail.
const KEYS = 1_000;

const DAY_MS = 86_400_000;

/**
 * Throws if this machine's clock is more than a day ahead of the database server's. It would have the whole trail dropped, for
 * every replica and for good; and until the year that it showed, retention would find nothing left to drop.
 */
export async function refuseClockAhead(deps: Pick<Deps, 'db' | 'clock'>): Promise<void> {
  const days = await daysAhead(deps);
  if (days === 0) return;
  throw new Error(
    `No event is dropped: the clock here is ahead of the database server's (days: ${days}). Set right whichever is wrong`,
  );
}

/**
 * Drops the whole months (UTC) that are older than `days`, with the batches that hold nothing younger, and leaves a signed
 * record from which the rest still verifies. Events that were never sealed are not dropped. Needs the owner's rights. Throws,
 * and drops nothing, if the record before this one, or the last batch that would go, is not as it was signed.
 */
export async function pruneTrail(
  deps: Deps,
  { days, keepTables = false, by }: { days: number; keepTables?: boolean; by: 'operator' | 'system' },
): Promise<Pruned> {
  const { db, clock } = deps;
  const eldest = new Date(clock.now().getTime() - days * DAY_MS);
  const horizon = new Date(Date.UTC(eldest.getUTCFullYear(), eldest.getUTCMonth()));
  const work = async (tx: Tx): Promise<Pruned> => {
    await lockTrail(tx);
    const key = await openSigningKey(deps, tx);
    const prunings = await findPrunings(tx);
    refuseForgedRecord(prunings, key);
    const before = prunings.at(-1);
    if (before !== undefined && before.eventsBefore >= horizon) return { verdict: 'nothing' };
    const unsealed = await countUnsealed(tx, { ...nextPlace(await findLastBatch(tx)), horizon });
    if (unsealed > 0) return { verdict: 'unsealed', events: unsealed };
    const partitions = await findOldPartitions(tx, horizon);
    const prunable = await findPrunable(tx, horizon);
    if (prunable !== null) await refuseForgedBatch(tx, prunable, { horizon, key });
    const through = prunable ?? {
      number: before?.throughBatch ?? 0,
      hash: before?.throughHash ?? GENESIS,
    };
    const events = await removeRows(tx, { horizon, throughBatch: through.number });
    if (partitions.length === 0 && events === 0 && prunable === null) return { verdict: 'nothing' };
    for (const partition of partitions) await removePartition(tx, partition, keepTables);
    const pruning = { eventsBefore: horizon, throughBatch: through.number, throughHash: through.hash };
    const signature = key.sign(pruningMessage(pruning));
    await addPruning(tx, { ...pruning, signature, createdAt: clock.now() });
    await recordEvent(deps, tx, {
      type: 'audit.pruned',
      outcome: 'success',
      actor: by === 'operator' ? operator : system,
      caller: null,
      data: { before: horizon.toISOString(), partitions, through_batch: through.number },
    });
    return { verdict: 'pruned', before: horizon, partitions, events };
  };
  const pruned = await db.transaction(work).catch(adviseOnRole);
  if (pruned.verdict === 'pruned' && !keepTables) await removeKeys(deps, horizon);
  return pruned;
}

// The record of what is dropped is signed, and the rest verifies from it. If it repeated what somebody else wrote into the
// database, retention would drop what they want to hide, and vouch for it.
function refuseForgedRecord(prunings: readonly Pruning[], key: SigningKey): void {
  const forged = prunings.find(pruning => !isSignedPruning(pruning, key));
  if (forged !== undefined)
    throw new Error(
      `No event is dropped: the record of what was pruned before ${forged.eventsBefore.toISOString()} is not as it was signed. Run "audit verify"`,
    );
}

async function refuseForgedBatch(
  tx: Tx,
  { number }: { number: number },
  { horizon, key }: { horizon: Date; key: SigningKey },
): Promise<void> {
  const batch = await findNextBatch(tx, number - 1);
  const horizonUs = BigInt(horizon.getTime()) * 1000n;
  const isAsSealed =
    batch !== null &&
    hashBatch(batch).equals(batch.hash) &&
    key.verify(batchMessage(batch.hash), batch.signature) &&
    readEntries(batch.entries).every(({ createdUs }) => createdUs < horizonUs);
  if (!isAsSealed)
    throw new Error(`No event is dropped: batch ${number} is not as it was sealed. Run "audit verify"`);
}

function adviseOnRole(error: unknown): never {
  if (!isForbidden(error)) throw error;
  throw new Error(
    `This role may not drop months of the trail (${error.message}): set MIGRATE_DATABASE_URL to the role that owns the tables`,
    { cause: error },
  );
}

// Runs after the commit, since every writer of an event waits for a transaction that has taken a month out; and in slices,
// since there is a key for each account. Nobody writes about the keys' owners meanwhile: the keys are at least a day old, and a
// sign-up is over by then. What a stop leaves behind goes with the next month.
async function removeKeys({ db }: Deps, horizon: Date): Promise<void> {
  let after: string | null = NOBODY;
  while (after !== null) after = await removeUnusedKeys(db, { horizon, after, limit: KEYS });
}
