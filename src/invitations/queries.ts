import type { Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

/** A person or a service client by id, or the operator, who has none. */
export type Inviter =
  | { readonly kind: 'user' | 'client'; readonly id: string }
  | { readonly kind: 'operator' };

/** What an invitation remembers, beside its address. */
export interface InvitationData {
  readonly roles: readonly string[];
  /** Who answers for the roles: they must still hold what they give when it is accepted. */
  readonly invited_by: Inviter;
}

export interface InvitationRow {
  readonly id: string;
  readonly email: string;
  readonly data: InvitationData;
  readonly created_at: Date;
  readonly expires_at: Date;
}

/** The invitations that wait, the newest first. */
export function selectInvitations(
  database: Sql,
  { before, now, limit }: { before: string | null; now: Date; limit: number },
): Promise<InvitationRow[]> {
  return database.rows(sql`
    select id, sent_to as email, data, created_at, expires_at from challenges
    where purpose = 'invitation' and consumed_at is null and expires_at > ${now}::timestamptz
      and (${before}::uuid is null or id < ${before}::uuid)
    order by id desc limit ${limit}::int`);
}
