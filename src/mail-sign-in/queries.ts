import type { Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

/** Whom a request is about. */
export interface AskedRequest {
  /** Null where nobody was mailed. */
  readonly user_id: string | null;
  /** The mailbox that was mailed; where nobody was, the address that was typed. */
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
