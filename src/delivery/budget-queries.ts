import { addSeconds } from '../platform/clock.ts';
import type { Sql } from '../platform/database.ts';
import { type Fragment, fromIf, sql } from '../platform/sql.ts';

export interface Budget {
  readonly key: Buffer;
  readonly points: number;
  readonly seconds: number;
}

/** Makes spenders take turns: whoever holds the lock reads what the one before has committed. */
export function lockBudgets(tx: Sql): Promise<unknown> {
  return tx.row(sql`select pg_advisory_xact_lock(hashtextextended('sms-budgets', 0))`);
}

/**
 * Takes one message from every budget, or from none when one of them is spent; `wait` is in seconds. A window that begins in
 * the future, because the clock was set back since, counts as over.
 */
export async function takeFromBudgets(
  tx: Sql,
  { budgets, now }: { budgets: readonly Budget[]; now: Date },
): Promise<{ taken: boolean; wait: number }> {
  const row = await tx.row<{ taken: boolean; wait: number }>(sql`
    with wanted as (
      select * from unnest(${budgets.map(({ key }) => key)}::bytea[], ${budgets.map(({ points }) => points)}::int[],
        ${budgets.map(({ seconds }) => seconds)}::int[]) as wanted (key, points, seconds)),
    present as (
      select key, points, sent, window_started_at,
        window_started_at + make_interval(secs => seconds) as ends_at,
        coalesce(window_started_at <= ${now}::timestamptz
          and window_started_at + make_interval(secs => seconds) > ${now}::timestamptz, false) as running
      from wanted left join sms_budgets using (key)),
    verdict as (
      select bool_and(not running or sent < points) as taken,
        coalesce(max(ceil(extract(epoch from ends_at - ${now}::timestamptz)))
          filter (where running and sent >= points), 0)::int as wait
      from present),
    spent as (
      insert into sms_budgets (key, window_started_at, sent)
      select key, case when running then window_started_at else ${now}::timestamptz end,
        case when running then sent + 1 else 1 end
      from present where (select taken from verdict)
      on conflict (key) do update set window_started_at = excluded.window_started_at, sent = excluded.sent)
    select taken, wait from verdict`);
  return row ?? { taken: false, wait: 0 };
}

/**
 * `insert into sms_budgets … [from source]` that gives a row to at most `most` of N concurrent callers, and to none once that
 * many got one in a window that began after `since`.
 */
export function takingTurn(
  { key, most, since, now }: { key: Fragment; most: number; since: Date; now: Date },
  source?: Fragment,
): Fragment {
  // A window that begins in the future was begun before the clock was set back; one minute is allowed, as clocks differ.
  const over = sql`(b.window_started_at <= ${since}::timestamptz or b.window_started_at > ${addSeconds(now, 60)}::timestamptz)`;
  return sql`
    insert into sms_budgets as b (key, window_started_at, sent) select ${key}, ${now}::timestamptz, 1
    ${fromIf(source)}
    on conflict (key) do update set
      window_started_at = case when ${over} then excluded.window_started_at else b.window_started_at end,
      sent = case when ${over} then 1 else b.sent + 1 end
    where ${over} or b.sent < ${most}::int
    returning 1 as turn`;
}

/**
 * `insert into sms_budgets … from source` that gives a row to one of the callers whose statements overlap, and to each later
 * caller: it compares the count with the one that the statement saw when it began.
 */
export function takingFirst({ key, now }: { key: Fragment; now: Date }, source: Fragment): Fragment {
  return sql`
    insert into sms_budgets as b (key, window_started_at, sent) select ${key}, ${now}::timestamptz, 1
    from ${source}
    on conflict (key) do update set window_started_at = excluded.window_started_at, sent = b.sent + 1
    where b.sent = (select seen.sent from sms_budgets seen where seen.key = excluded.key)
    returning 1 as turn`;
}

/** Removes windows that began before `before`, the oldest first; skips those that another sweep holds. */
export function deleteOldBudgets(db: Sql, before: Date, limit: number): Promise<number> {
  return db.run(sql`delete from sms_budgets where key = any(array(
    select key from sms_budgets where window_started_at < ${before}::timestamptz
    order by window_started_at limit ${limit}::int for update skip locked))`);
}
