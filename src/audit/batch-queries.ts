import type { Sql, Tx } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';
import { type BatchContent, ENTRY_BYTES, eventEntry } from './canonical.ts';
import { microsecondsOf, readableTime, timeOfMicroseconds } from './times.ts';

// Any constant will do: one sealer or pruner at a time in this database.
const LOCK = 7_420_152;

/**
 * False while somebody else works on the trail. Later statements of the transaction are planned anew each time: a plan made
 * while the month's partition was empty reads all of it, and would be kept as the partition grows.
 */
export async function tryLockTrail(tx: Tx): Promise<boolean> {
  const row = await tx.row<{ locked: boolean }>(sql`
    select pg_try_advisory_xact_lock(${LOCK}::bigint) as locked,
      set_config('plan_cache_mode', 'force_custom_plan', true)`);
  return row?.locked === true;
}

/** Waits until nobody else works on the trail, and keeps others off until the transaction ends. */
export async function lockTrail(tx: Tx): Promise<void> {
  await tx.run(sql`select pg_advisory_xact_lock(${LOCK}::bigint)`);
}

export interface Batch extends BatchContent {
  readonly eventCount: number;
  readonly newestUs: string;
  readonly hash: Buffer;
  readonly signature: Buffer;
}

// JavaScript tells no two greater numbers apart: whoever writes a batch of one must not keep the trail from being read to its end.
const LAST_NUMBER = sql`9007199254740991`;

const batchColumns = sql`least(number, ${LAST_NUMBER}) as number, epoch, kind, from_transaction::text as "fromTransaction",
  to_transaction::text as "toTransaction", event_count as "eventCount",
  ${microsecondsOf(sql`newest_event_at`)}::text as "newestUs", entries,
  previous_hash as "previousHash", hash, signature, ${readableTime(sql`created_at`)} as "createdAt"`;

/** The last batch, without its entries. */
export function findLastBatch(database: Sql): Promise<Omit<Batch, 'entries'> | null> {
  return database.row(sql`
    select ${batchColumns} from (
      select number, epoch, kind, from_transaction, to_transaction, event_count, newest_event_at, ''::bytea as entries,
        previous_hash, hash, signature, created_at
      from audit_batches order by number desc limit 1) last`);
}

/** The batch that follows number `after`; null after the last. */
export function findNextBatch(database: Sql, after: number): Promise<Batch | null> {
  return database.row(sql`
    select ${batchColumns} from audit_batches where number > ${after}::bigint and ${after}::bigint < ${LAST_NUMBER}
    order by audit_batches.number limit 1`);
}

/** Appends a batch that is hashed and signed. */
export async function addBatch(
  tx: Tx,
  batch: BatchContent & { hash: Buffer; signature: Buffer; eventCount: number; newestUs: string },
): Promise<void> {
  await tx.run(sql`
    insert into audit_batches (number, epoch, kind, from_transaction, to_transaction, event_count, newest_event_at,
      entries, previous_hash, hash, signature, created_at)
    values (${batch.number}::bigint, ${batch.epoch}::int, ${batch.kind}::text, ${batch.fromTransaction}::xid8,
      ${batch.toTransaction}::xid8, ${batch.eventCount}::int,
      ${timeOfMicroseconds(sql`${batch.newestUs}::bigint`)}, ${batch.entries}::bytea,
      ${batch.previousHash}::bytea, ${batch.hash}::bytea, ${batch.signature}::bytea, ${batch.createdAt}::timestamptz)`);
}

/**
 * The point up to which every transaction has ended: none of this database below `horizon` is still in progress, so no event
 * below it can still appear. A transaction in progress holds the horizon, unless it is seen to be another database's; so does a
 * prepared one. `next` is the id that the cluster has come to; `ahead` says that events of the epoch claim later ids, as they
 * do after a restore.
 */
export async function findHorizon(
  database: Sql,
  epoch: number,
): Promise<{ horizon: bigint; next: bigint; ahead: boolean }> {
  // The snapshot is taken before pg_stat_activity is read: a transaction that ends in between counts as in progress.
  const row = (await database.row<{ horizon: string; next: string; ahead: boolean }>(sql`
    select coalesce(
        (select running.id from pg_snapshot_xip(now.snapshot) as running (id)
         where not exists (select from pg_stat_activity a where a.backend_xid = running.id::xid
           and a.datid <> (select oid from pg_database where datname = current_database()))
         order by running.id limit 1),
        pg_snapshot_xmax(now.snapshot))::text as horizon,
      pg_snapshot_xmax(now.snapshot)::text as next,
      exists (select from audit_events e
        where e.epoch = ${epoch}::int and e.transaction_id >= pg_snapshot_xmax(now.snapshot)) as ahead
    from (select pg_current_snapshot() as snapshot) as now`)) as {
    horizon: string;
    next: string;
    ahead: boolean;
  };
  return { horizon: BigInt(row.horizon), next: BigInt(row.next), ahead: row.ahead };
}

interface Range {
  readonly epoch: number;
  readonly from: string;
  readonly to: string;
}

/** The transaction of the first event in the range, and that of the first event that no longer fits into a batch of `limit`. */
export async function findCut(
  database: Sql,
  { epoch, from, to }: Range,
  limit: number,
): Promise<{ first: string | null; beyond: string | null }> {
  const at = (offset: number) => sql`
    (select e.transaction_id::text from audit_events e
     where e.epoch = ${epoch}::int and e.transaction_id >= ${from}::xid8 and e.transaction_id < ${to}::xid8
     order by e.transaction_id, e.id offset ${offset}::int limit 1)`;
  return (await database.row(sql`select ${at(0)} as first, ${at(limit)} as beyond`)) as {
    first: string | null;
    beyond: string | null;
  };
}

export interface Gathered {
  readonly entries: Buffer | null;
  readonly eventCount: number;
  readonly newestUs: string;
}

/** The entries of every event in the range, ordered by transaction and id; PostgreSQL does the hashing. */
export async function gatherRange(database: Sql, { epoch, from, to }: Range): Promise<Gathered> {
  return (await database.row(sql`
    select string_agg(${eventEntry}, ''::bytea order by e.transaction_id, e.id) as entries,
      count(*)::int as "eventCount", ${microsecondsOf(sql`max(e.created_at)`)}::text as "newestUs"
    from audit_events e
    where e.epoch = ${epoch}::int and e.transaction_id >= ${from}::xid8 and e.transaction_id < ${to}::xid8`)) as Gathered;
}

/** The entries of every event of the epoch that no batch holds. Reads the whole epoch, but only once per restore. */
export async function gatherLeftOver(tx: Tx, epoch: number): Promise<Gathered> {
  // It takes seconds for each million events; with a time limit, every try could be cut off and the work never end.
  await tx.run(sql`select set_config('statement_timeout', '0', true)`);
  return (await tx.row(sql`
    with sealed as materialized (
      select substr(b.entries, 1 + ${ENTRY_BYTES}::int * at, 16) as id from audit_batches b, generate_series(0, b.event_count - 1) as at
      where b.epoch = ${epoch}::int)
    select string_agg(${eventEntry}, ''::bytea order by e.transaction_id, e.id) as entries,
      count(*)::int as "eventCount", ${microsecondsOf(sql`max(e.created_at)`)}::text as "newestUs"
    from audit_events e
    where e.epoch = ${epoch}::int and not exists (select from sealed s where s.id = uuid_send(e.id))`)) as Gathered;
}

/** Gives events that are written from now on the next epoch. */
export async function beginEpoch(tx: Tx, next: number): Promise<void> {
  await tx.run(sql`select begin_audit_epoch(${next}::int)`);
}

/** Events that no batch holds yet, from `from` on: how many, and since when the oldest waits. */
export async function findPending(
  database: Sql,
  { epoch, from }: { epoch: number; from: string },
): Promise<{ events: number; oldest: Date | null }> {
  return (await database.row(sql`
    select count(*)::int as events, min(e.created_at) as oldest from audit_events e
    where e.epoch = ${epoch}::bigint and e.transaction_id >= ${from}::xid8`)) as {
    events: number;
    oldest: Date | null;
  };
}

/** Who has held a transaction open the longest, as far as this role may see. */
export function findOldestTransaction(
  database: Sql,
): Promise<{ pid: number; role: string | null; application: string | null; started_at: Date | null } | null> {
  return database.row(sql`
    select pid, usename as role, application_name as application, xact_start as started_at from pg_stat_activity
    where backend_xid is not null and datname = current_database() and pid <> pg_backend_pid()
    order by age(backend_xid) desc limit 1`);
}
