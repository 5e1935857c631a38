import type { Account } from '../accounts/account.ts';
import { type EventRow, insertEvent } from '../audit/record.ts';
import { type ChallengeRow, insertChallenge } from '../challenges/issue.ts';
import { insertMail, type OutboxRow } from '../delivery/enqueue.ts';
import type { Db } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';

/**
 * Looks whether an address is taken, and stores the pending sign-up: without a `notice`, only for a free address; with one, for
 * any, and the notice goes to the owner of a taken address if `turn` has a row (its SQL may read the CTE `taken`). Returns the
 * id of the account that has the address; null if it is free.
 */
export async function beginSignup(
  database: Db,
  {
    key,
    now,
    challenge,
    event,
    notice,
  }: {
    key: string;
    now: Date;
    challenge: ChallengeRow;
    event: EventRow;
    notice: { mail: OutboxRow; turn: Fragment } | null;
  },
): Promise<string | null> {
  const source = notice === null ? sql`(select where not exists (select from taken)) as free` : undefined;
  const told =
    notice === null
      ? sql``
      : sql`, turn as (${notice.turn}),
        told as (${insertMail(notice.mail, sql`taken cross join turn where taken.kind = 'email'`)})`;
  const row = await database.share<{ taken: string | null }>(
    sql`
    with taken as (
      select u.id, u.email, i.kind from identifiers i join users u on u.id = i.user_id
      where i.key = ${key}::text and (i.kind <> 'reserved' or i.reserved_until > ${now}::timestamptz)),
    pending as (${insertChallenge(challenge, source)}),
    ${insertEvent(event, source)}
    ${told}
    select (select id from taken) as taken`,
    key,
  );
  return row?.taken ?? null;
}

/** Runs the CTEs that finish a sign-up as one statement: the account, if one was made, and whether the sign-up was `open`. */
export function finishSignup(
  database: Db,
  parts: { key: string; claimed: Fragment; account: Fragment; rest: readonly Fragment[] },
): Promise<((Account | { readonly id: null }) & { readonly open: boolean }) | null> {
  return database.share(
    sql`
    with pending as (${parts.claimed}),
    ${parts.account}
    ${parts.rest.reduce((left, part) => sql`${left}, ${part}`, sql``)}
    select account.*, exists (select from pending) as open from (select) as one left join account on true`,
    parts.key,
  );
}
