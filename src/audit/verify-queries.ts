import type { Sql } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { type Entry, eventHash, eventMicroseconds, placeOf } from './canonical.ts';
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

// A trail may be too long for one statement; retention would wait for that statement, too, and every writer for retention.
const EVENTS = 10_000;
const BATCHES = 10_000;

interface Looked {
  /** The next slice begins after this time and id. */
  readonly at: string;
  readonly id: string;
  readonly is_outside: boolean;
}

/** Events that stand where no present or future batch looks, except for those that ended epochs left over. */
export async function findOutside(
  database: Sql,
  {
    first,
    lastEpoch,
    leftOver,
    limit,
  }: {
    first: { epoch: number; from: string };
    lastEpoch: number;
    leftOver: ReadonlySet<string>;
    limit: number;
  },
): Promise<HashedEvent[]> {
  const found: HashedEvent[] = [];
  let after: Looked | undefined;
  do {
    const rest: Fragment =
      after === undefined
        ? sql``
        : sql`where (e.created_at, e.id) > (${after.at}::timestamptz, ${after.id}::uuid)`;
    const looked: (HashedEvent & Looked)[] = await database.rows(sql`
      with slice as materialized (
        select e.created_at, e.id,
          e.epoch not between ${first.epoch}::bigint and ${lastEpoch}::bigint
            or (e.epoch = ${first.epoch}::bigint and e.transaction_id < ${first.from}::xid8) as is_outside
        from audit_events e ${rest} order by e.created_at, e.id limit ${EVENTS}::int)
      select ${hashed}, e.created_at::text as at, told.is_outside
      from (
        select * from slice where is_outside
        union
        (select * from slice order by created_at desc, id desc limit 1)) as told
      cross join lateral (
        select * from audit_events same where same.created_at = told.created_at and same.id = told.id limit 1) as e
      order by e.created_at, e.id`);
    found.push(...looked.filter(event => event.is_outside && !leftOver.has(placeOf(event))));
    after = looked.at(-1);
  } while (after !== undefined && found.length < limit);
  return found.slice(0, limit);
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

/** The lowest number of the batches up to this one, where there should be none; null where there is none. */
export async function findBatchUpTo(database: Sql, number: number): Promise<number | null> {
  const row = await database.row<{ number: number }>(sql`
    select number from audit_batches where number <= ${number}::bigint order by number limit 1`);
  return row?.number ?? null;
}

interface EpochEnd {
  readonly epoch: number;
  readonly toTransaction: string;
  readonly entries: Buffer;
}

/** The batches behind a number that ended an epoch, with what it left over. */
export async function findEpochEnds(database: Sql, number: number): Promise<EpochEnd[]> {
  const ends: EpochEnd[] = [];
  let after: string | undefined = String(number);
  do {
    const looked: (EpochEnd & { number: string; kind: string })[] = await database.rows(sql`
      with slice as materialized (
        select number, kind from audit_batches where number > ${after}::bigint order by number limit ${BATCHES}::int)
      select b.number::text as number, b.kind, b.epoch, b.to_transaction::text as "toTransaction", b.entries
      from (
        select number from slice where kind = 'epoch_end'
        union
        (select number from slice order by number desc limit 1)) as told
      cross join lateral (select * from audit_batches same where same.number = told.number limit 1) as b
      order by b.number`);
    ends.push(...looked.filter(({ kind }) => kind === 'epoch_end'));
    after = looked.at(-1)?.number;
  } while (after !== undefined);
  return ends;
}
