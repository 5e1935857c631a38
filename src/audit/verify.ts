import type { Deps } from '../platform/deps.ts';
import { type Batch, findNextBatch, findPending } from './batch-queries.ts';
import { ENTRY_BYTES, GENESIS, placeOf, readEntries } from './canonical.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type Finding, timeOf } from './finding.ts';
import { isSignedPruning } from './pruning-message.ts';
import { nextPlace } from './seal.ts';
import { openSigningKey } from './signing-key.ts';
import { checkEvents, checkLink, type Link } from './verify-batch.ts';
import { checkAgainst, checkCheckpoints } from './verify-checkpoints.ts';
import { checkKeys } from './verify-keys.ts';
import {
  findBatchUpTo,
  findEpochEnds,
  findInRange,
  findOutside,
  findPrunings,
  type HashedEvent,
  type Pruning,
} from './verify-queries.ts';

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly batches: number;
  readonly events: number;
  /** Written, but not sealed yet. */
  readonly pending: number;
  readonly publicKey: string;
  /** Retention dropped everything older than this; null if it never dropped anything. */
  readonly prunedBefore: Date | null;
}

const OUTSIDE_MAX = 1_000;
const LAST_TRANSACTION = '18446744073709551615';

/**
 * Compares every event with its seal, every batch with the one before it and its signature, and the whole with
 * checkpoints that were kept outside. Reads one batch at a time. What it can and cannot see is in docs/audit.md.
 */
export async function verifyTrail(deps: Deps, checkpoints: readonly Checkpoint[] = []): Promise<Verdict> {
  const prunings = await findPrunings(deps.db);
  const verdict = await verifyFrom(deps, prunings, checkpoints);
  if (verdict.findings.length === 0) return verdict;
  // Events that retention dropped meanwhile look like findings, so it verifies once more. One snapshot is no way out: retention
  // would wait for it, and every writer of an event for retention.
  const since = await findPrunings(deps.db);
  return since.length === prunings.length ? verdict : verifyFrom(deps, since, checkpoints);
}

async function verifyFrom(
  deps: Deps,
  prunings: readonly Pruning[],
  checkpoints: readonly Checkpoint[],
): Promise<Verdict> {
  const { db } = deps;
  const key = await openSigningKey(deps, db);
  const findings: Finding[] = [];

  const genuine = prunings.filter(pruning => isSignedPruning(pruning, key));
  for (const pruning of prunings.filter(pruning => !genuine.includes(pruning))) {
    findings.push({
      kind: 'pruning_changed',
      explanation: `The record of what was pruned before ${pruning.eventsBefore.toISOString()} is not as it was signed`,
    });
  }
  const pruned = genuine.at(-1);
  const prunedUs = pruned === undefined ? null : BigInt(pruned.eventsBefore.getTime()) * 1000n;
  const prunedLink = pruned === undefined ? null : { number: pruned.throughBatch, hash: pruned.throughHash };

  let link: Link = prunedLink ?? { number: 0, hash: GENESIS };
  // Nobody would look at its signature below, so nothing that it says may count.
  const foreign = await findBatchUpTo(db, link.number);
  if (foreign !== null) {
    findings.push({
      kind: 'batch_changed',
      batch: foreign,
      explanation: 'It stands before the first batch of the trail',
    });
  }
  const { leftOver, behind } = await readEpochEnds(deps, link);
  let last: Batch | null = null;
  let first: { epoch: number; from: string } | null = null;
  let batches = 0;
  let events = 0;
  for (;;) {
    const batch: Batch | null = await findNextBatch(db, link.number);
    if (batch === null) break;
    first ??= { epoch: batch.epoch, from: batch.fromTransaction };
    findings.push(
      ...checkLink(batch, { link, batch: last }, key),
      ...(await checkEvents(db, batch, { prunedUs, leftOver })),
      ...checkAgainst(checkpoints, batch),
    );
    batches += 1;
    events += batch.eventCount;
    link = { number: batch.number, hash: batch.hash };
    last = batch;
  }

  findings.push(
    ...checkCheckpoints(checkpoints, { publicKey: key.publicKey, last: link.number, pruned: prunedLink }),
  );
  const place = nextPlace(last);
  first ??= place;
  const outside = await findOutside(db, { first, lastEpoch: place.epoch, leftOver, limit: OUTSIDE_MAX });
  for (const { id, createdUs } of [...outside, ...behind]) {
    findings.push({
      kind: 'event_inserted',
      eventId: id,
      eventTime: timeOf(createdUs),
      explanation: 'It stands where everything was sealed, and no batch knows it',
    });
  }
  const spoilt = new Set(findings.flatMap(({ eventId }) => eventId ?? []));
  findings.push(...(await checkKeys(deps, { prunedBefore: pruned?.eventsBefore ?? null, spoilt })));
  return {
    findings,
    batches,
    events,
    pending: (await findPending(db, place)).events,
    publicKey: key.publicKey,
    prunedBefore: pruned?.eventsBefore ?? null,
  };
}

// The places of the events that ended epochs left over, and the events that stand behind the end of an epoch unknown to it.
async function readEpochEnds(
  { db }: Deps,
  { number }: Link,
): Promise<{ leftOver: Set<string>; behind: HashedEvent[] }> {
  const ends = await findEpochEnds(db, number);
  const leftOver = new Set(
    ends.flatMap(({ entries }) =>
      entries.length % ENTRY_BYTES === 0 ? readEntries(entries).map(placeOf) : [],
    ),
  );
  const behind: HashedEvent[] = [];
  for (const { epoch, toTransaction } of ends) {
    const events = await findInRange(db, { epoch, from: toTransaction, to: LAST_TRANSACTION });
    behind.push(...events.filter(event => !leftOver.has(placeOf(event))));
  }
  return { leftOver, behind };
}
