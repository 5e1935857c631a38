import type { Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

/** A person or a service client by id, or the operator, who has no id. */
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

const waiting = (now: Date) =>
  sql`purpose = 'invitation' and consumed_at is null and expires_at > ${now}::timestamptz`;

/** The invitations that wait, the newest first. */
export function selectInvitations(
  database: Sql,
  { before, now, limit }: { before: string | null; now: Date; limit: number },
): Promise<InvitationRow[]> {
  return database.rows(sql`
    select id, sent_to as email, data, created_at, expires_at from challenges
    where ${waiting(now)} and (${before}::uuid is null or id < ${before}::uuid)
    order by id desc limit ${limit}::int`);
}

/** The roles of waiting invitations: of the one with this id, or of all to an address; no row where none waits. */
export function findWaiting(
  database: Sql,
  { now, ...which }: { now: Date } & ({ id: string } | { sentTo: string }),
): Promise<{ roles: string[] }[]> {
  const these =
    'id' in which ? sql`id = ${which.id}::uuid` : sql`lower(sent_to) = lower(${which.sentTo}::text)`;
  return database.rows(sql`
    select data -> 'roles' as roles from challenges where ${waiting(now)} and ${these}`);
}
