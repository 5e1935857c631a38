import { createHash } from 'node:crypto';
import { type Fragment, sql } from '../platform/sql.ts';
import { uuidAt } from '../platform/uuid.ts';
import { microsecondsOf } from './times.ts';

/** When an event happened, as an SQL expression over `audit_events e`. */
export const eventMicroseconds: Fragment = microsecondsOf(sql`e.created_at`);

/**
 * What a seal covers of an event, as an SQL expression over `audit_events e`: SHA-256 of a JSON array of every column,
 * the ciphertext of the personal fields included, as PostgreSQL writes it (`, ` between members). docs/audit.md shows
 * how to compute it from an export with other tools.
 */
export const eventHash: Fragment = sql`sha256(convert_to(json_build_array('event-1', e.id,
  ${eventMicroseconds}::text, e.epoch, e.transaction_id::text, e.type, e.outcome,
  e.reason, e.actor_kind, e.actor_id, e.user_id, e.session_id, e.request_id, e.data::text,
  encode(e.personal_sealed, 'hex'))::text, 'UTF8'))`;

/** One event's place in a batch, as an SQL expression: its id, its time in microseconds and its hash. */
export const eventEntry: Fragment = sql`uuid_send(e.id)
  || int8send(${eventMicroseconds}) || ${eventHash}`;

export interface Entry {
  readonly id: string;
  readonly createdUs: bigint;
  readonly hash: Buffer;
}

/** How long the entry of an event is: its id, its time and its hash. */
export const ENTRY_BYTES = 16 + 8 + 32;

/** The entries of a batch, in order. Throws when the bytes are not whole entries. */
export function readEntries(entries: Buffer): Entry[] {
  if (entries.length % ENTRY_BYTES !== 0) throw new Error('The entries of an audit batch are cut off');
  return Array.from({ length: entries.length / ENTRY_BYTES }, (_, index) => {
    const entry = entries.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES);
    return {
      id: uuidAt(entry),
      createdUs: entry.readBigInt64BE(16),
      hash: entry.subarray(24),
    };
  });
}

/** What no two events share. The id alone would not do: a forged event may bear the id of a real one. */
export function placeOf({
  id,
  createdUs,
}: {
  readonly id: string;
  readonly createdUs: string | bigint;
}): string {
  return `${createdUs} ${id}`;
}

export type BatchKind = 'range' | 'epoch_end';

/** A batch, before its signature. */
export interface BatchContent {
  readonly number: number;
  readonly epoch: number;
  /** `epoch_end` holds what the ended epoch left over, wherever its transaction ids are. */
  readonly kind: BatchKind;
  /** The first transaction id that it covers, and the first that it does not. */
  readonly fromTransaction: string;
  readonly toTransaction: string;
  readonly entries: Buffer;
  readonly previousHash: Buffer;
  readonly createdAt: Date;
}

/** The hash that the next batch carries on: over everything in this one and the hash before it. */
export function hashBatch(batch: BatchContent): Buffer {
  const header = JSON.stringify([
    'batch-1',
    batch.number,
    batch.epoch,
    batch.kind,
    batch.fromTransaction,
    batch.toTransaction,
    batch.createdAt.toISOString(),
    batch.previousHash.toString('hex'),
  ]);
  return createHash('sha256').update(`${header}\n`).update(batch.entries).digest();
}

/** What precedes the first batch. */
export const GENESIS: Buffer = Buffer.alloc(32);
