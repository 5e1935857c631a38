import type { Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';
import { type Entry, eventHash, eventMicroseconds } from './canonical.ts';
import { readableTime, timeOfMicroseconds } from './times.ts';

/** An event as it stands now, with the hash of what it says now. */
export interface HashedEvent {
  readonly id: string;
  readonly createdUs: string;
  readonly transactionId: string;
  readonly hash: Buffer;
}

const hashed = sql`e.id, ${eventMicroseconds}::text as "createdUs",
  e.transaction_id::text as "transactionId", ${eventHash} as hash`;

/** Every event of the epoch whose transaction is in the range, in the order of a batch. */
export function findInRange(
  database: Sql,
  { epoch, from, to }: { epoch: number; from: string; to: string },
): Promise<HashedEvent[]> {
  return database.rows(sql`
    select ${hashed} from audit_events e
    where e.epoch = ${epoch}::int and e.transaction_id >= ${from}::xid8 and e.transaction_id < ${to}::xid8
    order by e.transaction_id, e.id`);
}

/** The events that entries name by id, wherever they are now. Looks at the named time first, then anywhere. */
export async function findNamed(database: Sql, entries: readonly Entry[]): Promise<HashedEvent[]> {
  const found: HashedEvent[] = await database.rows(sql`
    select ${hashed} from unnest(${entries.map(({ id }) => id)}::uuid[],
      ${entries.map(({ createdUs }) => String(createdUs))}::bigint[]) as wanted (id, created_us)
    join audit_events e on e.id = wanted.id
      and e.created_at = ${timeOfMicroseconds(sql`wanted.created_us`)}`);
  const seen = new Set(found.map(({ id }) => id));
  const missing = entries.filter(({ id }) => !seen.has(id)).map(({ id }) => id);
  if (missing.length === 0) return found;
  const moved: HashedEvent[] = await database.rows(sql`
    select ${hashed} from audit_events e where e.id = any(${missing}::uuid[])`);
  return [...found, ...moved];
}

/** Events that stand where no batch and no future batch looks. */
export function findOutside(
  database: Sql,
  {
    epochs,
    first,
    limit,
  }: { epochs: readonly number[]; first: { epoch: number; from: string }; limit: number },
): Promise<HashedEvent[]> {
  return database.rows(sql`
    select ${hashed} from audit_events e
    where e.epoch <> all(${epochs}::int[])
      or (e.epoch = ${first.epoch}::int and e.transaction_id < ${first.from}::xid8)
    limit ${limit}::int`);
}

export interface Pruning {
  readonly eventsBefore: Date;
  readonly throughBatch: number;
  readonly throughHash: Buffer;
  readonly signature: Buffer;
  readonly createdAt: Date;
}

/** What was dropped by retention, the oldest first. */
export function findPrunings(database: Sql): Promise<Pruning[]> {
  return database.rows(sql`
    select ${readableTime(sql`events_before`)} as "eventsBefore", through_batch as "throughBatch", through_hash as "throughHash", signature,
      ${readableTime(sql`created_at`)} as "createdAt"
    from audit_prunings order by events_before`);
}

/** The batches that ended an epoch, with what it left over. */
export function findEpochEnds(
  database: Sql,
): Promise<{ epoch: number; toTransaction: string; entries: Buffer }[]> {
  return database.rows(sql`
    select epoch, to_transaction::text as "toTransaction", entries from audit_batches where kind = 'epoch_end'`);
}
