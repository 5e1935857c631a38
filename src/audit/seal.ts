import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import {
  addBatch,
  type Batch,
  beginEpoch,
  findCut,
  findHorizon,
  findLastBatch,
  type Gathered,
  gatherLeftOver,
  gatherRange,
  tryLockTrail,
} from './batch-queries.ts';
import { type BatchContent, GENESIS, hashBatch } from './canonical.ts';
import { recordEvent, system } from './record.ts';
import { openSigningKey, type SigningKey } from './signing-key.ts';

/** How many events a batch holds at most. Those of one larger transaction stay together all the same. */
export const BATCH_EVENTS = 10_000;

export type Seal =
  | { readonly verdict: 'busy' | 'idle' }
  /** `more`: the transactions that had ended by then did not fit into one batch. */
  | { readonly verdict: 'sealed'; readonly events: number; readonly more: boolean };

/**
 * Seals the next batch: every event of the transactions that have ended since the last one, each exactly once. One
 * sealer works at a time in a database; a second finds it `busy`. A writer never waits for it.
 */
export function sealBatch(deps: Deps, limit = BATCH_EVENTS): Promise<Seal> {
  return deps.db.transaction(async tx => {
    if (!(await tryLockTrail(tx))) return { verdict: 'busy' };
    const key = await openSigningKey(deps, tx);
    const last = await findLastBatch(tx);
    const { epoch, from } = nextPlace(last);
    const { horizon, next, ahead } = await findHorizon(tx, epoch);
    // The database was restored into another cluster: its transaction ids start lower, so new events would never be sealed.
    if (ahead || next < BigInt(from)) return endEpoch(deps, tx, key, { last, epoch, from });

    const range = { epoch, from, to: String(horizon) };
    const { first, beyond } = await findCut(tx, range, limit);
    if (first === null) return { verdict: 'idle' };
    const to = beyond === null ? range.to : beyond === first ? String(BigInt(first) + 1n) : beyond;
    const gathered = await gatherRange(tx, { epoch, from, to });
    const batch = { epoch, kind: 'range', fromTransaction: from, toTransaction: to } as const;
    await append(deps, tx, key, last, batch, gathered);
    return { verdict: 'sealed', events: gathered.eventCount, more: beyond !== null };
  });
}

/**
 * Seals all that has ended by now, and perhaps some that ends meanwhile; returns how many events. New events do not keep it
 * going.
 */
export async function sealAll(deps: Deps): Promise<number> {
  let events = 0;
  for (;;) {
    const seal = await sealBatch(deps);
    if (seal.verdict !== 'sealed') return events;
    events += seal.events;
    if (!seal.more) return events;
  }
}

/** Where the next batch begins. */
export function nextPlace(last: Omit<Batch, 'entries'> | null): { epoch: number; from: string } {
  if (last === null) return { epoch: 1, from: '0' };
  return last.kind === 'epoch_end'
    ? { epoch: last.epoch + 1, from: '0' }
    : { epoch: last.epoch, from: last.toTransaction };
}

/** What the signature of a batch covers. */
export function batchMessage(hash: Buffer): string {
  return `entrecore-audit-batch:${hash.toString('hex')}`;
}

async function endEpoch(
  deps: Deps,
  tx: Tx,
  key: SigningKey,
  { last, epoch, from }: { last: Omit<Batch, 'entries'> | null; epoch: number; from: string },
): Promise<Seal> {
  await beginEpoch(tx, epoch + 1);
  const gathered = await gatherLeftOver(tx, epoch);
  const batch = { epoch, kind: 'epoch_end', fromTransaction: from, toTransaction: from } as const;
  await append(deps, tx, key, last, batch, gathered);
  await recordEvent(deps, tx, {
    type: 'audit.epoch_started',
    outcome: 'success',
    actor: system,
    caller: null,
    data: { epoch: epoch + 1, left_over: gathered.eventCount },
  });
  deps.log.warn(
    { epoch: epoch + 1 },
    'The database was restored elsewhere: the audit trail starts a new epoch',
  );
  return { verdict: 'sealed', events: gathered.eventCount, more: true };
}

async function append(
  { clock }: Deps,
  tx: Tx,
  key: SigningKey,
  last: Omit<Batch, 'entries'> | null,
  place: Pick<BatchContent, 'epoch' | 'kind' | 'fromTransaction' | 'toTransaction'>,
  { entries, eventCount, newestUs }: Gathered,
): Promise<void> {
  const content: BatchContent = {
    ...place,
    number: (last?.number ?? 0) + 1,
    entries: entries ?? Buffer.alloc(0),
    previousHash: last?.hash ?? GENESIS,
    createdAt: clock.now(),
  };
  const hash = hashBatch(content);
  await addBatch(tx, {
    ...content,
    hash,
    signature: key.sign(batchMessage(hash)),
    eventCount,
    newestUs: newestUs ?? last?.newestUs ?? '0',
  });
}
