import type { Sql } from '../platform/database.ts';
import type { Batch } from './batch-queries.ts';
import { type Entry, hashBatch, placeOf, readEntries } from './canonical.ts';
import { type Finding, type FindingKind, timeOf } from './finding.ts';
import { batchMessage, nextPlace } from './seal.ts';
import type { SigningKey } from './signing-key.ts';
import { findInRange, findNamed, type HashedEvent } from './verify-queries.ts';

export interface Link {
  readonly number: number;
  readonly hash: Buffer;
}

/** What is wrong with a batch itself: its number, its link to the one before, its content, its signature. */
export function checkLink(
  batch: Batch,
  before: { link: Link; batch: Batch | null },
  key: SigningKey,
): Finding[] {
  const { number } = batch;
  const findings: Finding[] = [];
  const changed = (explanation: string) =>
    findings.push({ kind: 'batch_changed', batch: number, explanation });
  if (number !== before.link.number + 1) {
    const [from, to] = [before.link.number + 1, number - 1];
    findings.push({
      kind: 'batch_removed',
      batch: from,
      explanation: from === to ? `Batch ${from} is gone` : `Batches ${from} to ${to} are gone`,
    });
  } else {
    if (!batch.previousHash.equals(before.link.hash)) changed('It does not carry on the batch before it');
    const place = nextPlace(before.batch);
    const follows = batch.epoch === place.epoch && batch.fromTransaction === place.from;
    if ((before.batch !== null || number === 1) && !follows)
      changed('It leaves out transactions, or repeats some');
  }
  if (!hashBatch(batch).equals(batch.hash)) changed('Its content does not have the hash that it states');
  if (!key.verify(batchMessage(batch.hash), batch.signature))
    changed('It was not signed by the key of this trail');
  return findings;
}

/** What is wrong with the events of a batch: changed, removed, or inserted among those that it covers. */
export async function checkEvents(
  database: Sql,
  batch: Batch,
  { prunedUs, leftOver }: { prunedUs: bigint | null; leftOver: ReadonlySet<string> },
): Promise<Finding[]> {
  let entries: Entry[];
  try {
    entries = readEntries(batch.entries);
  } catch {
    return [{ kind: 'batch_changed', batch: batch.number, explanation: 'Its entries are cut off' }];
  }
  const findings: Finding[] = [];
  const note = (
    kind: FindingKind,
    { id, createdUs }: { id: string; createdUs: string | bigint },
    why: string,
  ) => {
    const eventTime = timeOf(createdUs);
    findings.push({ kind, batch: batch.number, eventId: id, eventTime, explanation: why });
  };
  const newest = newestOf(entries);
  if (batch.eventCount !== entries.length || (newest !== null && String(newest) !== batch.newestUs))
    findings.push({
      kind: 'batch_changed',
      batch: batch.number,
      explanation: 'Its count or its newest time is not that of its entries',
    });

  const covered = new Map((await findCovered(database, batch)).map(event => [placeOf(event), event]));
  const absent: Entry[] = [];
  for (const entry of entries) {
    const event = covered.get(placeOf(entry));
    covered.delete(placeOf(entry));
    if (event === undefined) absent.push(entry);
    else if (!event.hash.equals(entry.hash)) note('event_changed', event, 'It is not what was sealed');
  }
  const missing: Entry[] = [];
  const byId = new Map([...covered.values()].map(event => [event.id, event]));
  for (const entry of absent) {
    const event = byId.get(entry.id);
    if (event === undefined) missing.push(entry);
    else {
      covered.delete(placeOf(event));
      note('event_changed', event, 'It is not what was sealed');
    }
  }
  const elsewhere = new Map(
    missing.length === 0 ? [] : (await findNamed(database, missing)).map(event => [event.id, event]),
  );
  for (const entry of missing) {
    const event = elsewhere.get(entry.id);
    if (event !== undefined) {
      if (!event.hash.equals(entry.hash))
        note('event_changed', entry, 'It is not what was sealed, and stands elsewhere in the order');
    } else if (prunedUs === null || entry.createdUs >= prunedUs)
      note('event_removed', entry, 'It was sealed, and is gone');
  }
  for (const event of covered.values()) {
    if (!leftOver.has(placeOf(event)))
      note('event_inserted', event, 'It stands among the events of this batch, which does not know it');
  }
  return findings;
}

// Does not start from 1970: an event may claim to be older.
function newestOf([first, ...others]: readonly Entry[]): bigint | null {
  if (first === undefined) return null;
  return others.reduce((max, { createdUs }) => (createdUs > max ? createdUs : max), first.createdUs);
}

// Events that the end of an epoch left over have no order of their own: they are looked up by id, as if all were missing.
function findCovered(database: Sql, batch: Batch): Promise<HashedEvent[]> {
  if (batch.kind === 'epoch_end') return Promise.resolve([]);
  const { epoch, fromTransaction: from, toTransaction: to } = batch;
  return findInRange(database, { epoch, from, to });
}
