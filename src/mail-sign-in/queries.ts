import type { Sql, Tx } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

/** How many sign-in mails somebody was sent since then. */
export async function countRecentMails(
  tx: Tx,
  { userId, since }: { userId: string; since: Date },
): Promise<number> {
  // One at a time, or several requests at once would each see the others' mails as not sent.
  await tx.row(sql`select from users where id = ${userId}::uuid for no key update`);
  const row = await tx.row<{ count: number }>(sql`
    select count(*) as count from challenges
    where user_id = ${userId}::uuid and purpose = 'sign-in' and created_at > ${since}::timestamptz`);
  return row?.count ?? 0;
}

/** Whom a request is about. */
export interface AskedRequest {
  /** Null where nobody was mailed. */
  readonly user_id: string | null;
  /** The mailbox, or where nobody was mailed what was typed. */
  readonly sent_to: string;
}

/** Whom a request is about; null once it was used, burnt or expired. */
export function findRequest(
  database: Sql,
  { id, now }: { id: string; now: Date },
): Promise<AskedRequest | null> {
  return database.row(sql`
    select user_id, sent_to from challenges
    where id = ${id}::uuid and purpose = 'sign-in' and consumed_at is null and expires_at > ${now}::timestamptz`);
}
