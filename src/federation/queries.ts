import { type Account, accountColumns } from '../accounts/account.ts';
import type { Sql } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';

export interface IdentityKey {
  readonly issuer: string;
  readonly subject: string;
}

/** The account that an identity belongs to; notes the use. */
export function useIdentity(
  database: Sql,
  { issuer, subject }: IdentityKey,
  now: Date,
): Promise<Account | null> {
  return database.row(sql`
    with used as (
      update identities set last_used_at = ${now}::timestamptz
      where issuer = ${issuer} and subject = ${subject} returning user_id)
    select ${accountColumns} from used join users u on u.id = used.user_id`);
}

/** Ties an identity to an account; false when it is somebody's already. */
export async function insertIdentity(
  database: Sql,
  identity: IdentityKey & { userId: string; provider: string; email: string | null; now: Date },
): Promise<boolean> {
  const written = await database.run(sql`
    insert into identities (issuer, subject, user_id, provider, email, created_at, last_used_at)
    values (${identity.issuer}, ${identity.subject}, ${identity.userId}::uuid, ${identity.provider}, ${identity.email},
      ${identity.now}::timestamptz, ${identity.now}::timestamptz)
    on conflict (issuer, subject) do nothing`);
  return written === 1;
}

export interface IdentityRow extends IdentityKey {
  readonly provider: string;
  readonly email: string | null;
  readonly created_at: Date;
  readonly last_used_at: Date | null;
}

/** A person's identities, the oldest first. */
export function selectIdentities(database: Sql, userId: string): Promise<IdentityRow[]> {
  return database.rows(sql`
    select issuer, subject, provider, email, created_at, last_used_at from identities
    where user_id = ${userId}::uuid order by created_at`);
}

/** Locks the account of an address until the transaction ends, so that its standing is judged once. */
export function lockAccountByKey(database: Sql, key: string): Promise<Account | null> {
  return database.row(sql`
    select ${accountColumns} from identifiers i join users u on u.id = i.user_id
    where i.key = ${key} and i.kind = 'email' for update of u`);
}

/** Removes an identity of a person only while something else lets them in: a password, a passkey, another identity. */
export function deleteIdentity(
  database: Sql,
  { userId, issuer, subject }: IdentityKey & { userId: string },
): Promise<number> {
  return database.run(sql`
    delete from identities where issuer = ${issuer} and subject = ${subject} and user_id = ${userId}::uuid
      and (exists (select from passwords where user_id = ${userId}::uuid)
        or exists (select from factors
          where user_id = ${userId}::uuid and kind = 'passkey' and confirmed_at is not null)
        or exists (select from identities
          where user_id = ${userId}::uuid and (issuer, subject) <> (${issuer}, ${subject})))`);
}

/** Unties the identities that a person linked since a given time, even their last way in; returns the providers. */
export async function deleteIdentitiesSince(
  database: Sql,
  { userId, since }: { userId: string; since: Date },
): Promise<string[]> {
  const removed = await database.rows<{ provider: string }>(sql`
    delete from identities where user_id = ${userId}::uuid and created_at > ${since}::timestamptz
    returning provider`);
  return removed.map(({ provider }) => provider);
}

/** Whose an identity is, or null. */
export async function ownerOfIdentity(
  database: Sql,
  { issuer, subject }: IdentityKey,
): Promise<string | null> {
  const row = await database.row<{ user_id: string }>(
    sql`select user_id from identities where issuer = ${issuer} and subject = ${subject}`,
  );
  return row?.user_id ?? null;
}
