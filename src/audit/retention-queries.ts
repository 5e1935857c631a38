import type { Sql, Tx } from '../platform/database.ts';
import { Fragment, sql } from '../platform/sql.ts';

/** Makes the partition of the month that begins at `month` (UTC); false if it is there or cannot be made now. */
export async function makePartition(database: Sql, month: Date): Promise<boolean> {
  const day = month.toISOString().slice(0, 10);
  const row = await database.row<{ made: boolean }>(sql`select ensure_audit_partition(${day}::date) as made`);
  return row?.made === true;
}

/** Events from before `horizon` that no batch holds yet: they must not be dropped. */
export async function countUnsealed(
  tx: Tx,
  { epoch, from, horizon }: { epoch: number; from: string; horizon: Date },
): Promise<number> {
  const row = await tx.row<{ events: number }>(sql`
    select count(*)::int as events from audit_events e
    where e.created_at < ${horizon}::timestamptz
      and (e.epoch > ${epoch}::int or (e.epoch = ${epoch}::int and e.transaction_id >= ${from}::xid8))`);
  return row?.events ?? 0;
}

/** The last batch before the first that holds anything younger than `horizon`; never the very last batch. */
export function findPrunable(tx: Tx, horizon: Date): Promise<{ number: number; hash: Buffer } | null> {
  return tx.row(sql`
    select number, hash from audit_batches
    where number < coalesce(
        (select min(number) from audit_batches where newest_event_at >= ${horizon}::timestamptz),
        (select max(number) from audit_batches))
    order by number desc limit 1`);
}

/** The monthly partitions that end at or before `horizon`, by name. */
export async function findOldPartitions(tx: Tx, horizon: Date): Promise<string[]> {
  const rows = await tx.rows<{ name: string }>(sql`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'audit_events'::regclass and c.relname ~ '^audit_events_[0-9]{6}$' order by 1`);
  const limit = horizon.toISOString().slice(0, 7).replace('-', '');
  return rows.map(({ name }) => name).filter(name => name.slice(-6) < limit);
}

/** Takes a partition out of the trail; drops it unless it is to be kept as a table of its own. Refuses any name but ours. */
export async function removePartition(tx: Tx, name: string, keep: boolean): Promise<void> {
  if (!/^audit_events_\d{6}$/.test(name)) throw new Error(`${name} is no partition of the audit trail`);
  await tx.run(statement(`alter table audit_events detach partition ${name}`));
  if (!keep) await tx.run(statement(`drop table ${name}`));
}

// A busy trail has a batch for each second of a month: to delete them in one statement would exceed its time limit.
const BATCHES = 10_000;

/** Removes the old events of the default partition, and the batches that hold nothing any more. Needs the owner's rights. */
export async function removeRows(
  tx: Tx,
  { horizon, throughBatch }: { horizon: Date; throughBatch: number },
): Promise<number> {
  await tx.run(sql`alter table audit_events_default disable trigger user`);
  const removed = await tx.run(
    sql`delete from audit_events_default where created_at < ${horizon}::timestamptz`,
  );
  await tx.run(sql`alter table audit_events_default enable trigger user`);
  await tx.run(sql`alter table audit_batches disable trigger user`);
  // No batch of ours has a lower number: slices from a number that somebody made up could go on for years.
  const first = await tx.row<{ number: number | null }>(
    sql`select min(number) as number from audit_batches where number > 0`,
  );
  for (let from = first?.number ?? throughBatch + 1; from <= throughBatch; from += BATCHES) {
    await tx.run(sql`
      delete from audit_batches
      where number between ${from}::bigint and least(${from + BATCHES - 1}::bigint, ${throughBatch}::bigint)`);
  }
  await tx.run(sql`alter table audit_batches enable trigger user`);
  return removed;
}

/**
 * Removes, of the next `limit` keys after `after`, those of people without an account and without an event, as a sign-up that
 * nobody finished leaves them. Returns the last id that it looked at; null when no more follow.
 */
export async function removeUnusedKeys(
  database: Sql,
  { horizon, after, limit }: { horizon: Date; after: string; limit: number },
): Promise<string | null> {
  const row = await database.row<{ user_id: string }>(sql`
    with slice as materialized (
      select user_id from audit_keys where user_id > ${after}::uuid order by user_id limit ${limit}::int),
    gone as (
      delete from audit_keys k
      where k.user_id = any(array(select user_id from slice))
        and k.erased_at is null and k.created_at < ${horizon}::timestamptz
        and not exists (select from users u where u.id = k.user_id)
        and not exists (select from audit_events e where e.user_id = k.user_id))
    select user_id from slice order by user_id desc limit 1`);
  return row?.user_id ?? null;
}

/** Appends the signed record of a pruning. */
export async function addPruning(
  tx: Tx,
  pruning: {
    eventsBefore: Date;
    throughBatch: number;
    throughHash: Buffer;
    signature: Buffer;
    createdAt: Date;
  },
): Promise<void> {
  await tx.run(sql`
    insert into audit_prunings (events_before, through_batch, through_hash, signature, created_at)
    values (${pruning.eventsBefore}::timestamptz, ${pruning.throughBatch}::bigint, ${pruning.throughHash}::bytea,
      ${pruning.signature}::bytea, ${pruning.createdAt}::timestamptz)`);
}

// DDL takes no parameters; only the checked name above comes in here.
function statement(text: string): Fragment {
  return new Fragment([text], []);
}
