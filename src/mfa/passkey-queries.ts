import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';

/** What is stored of a passkey: nothing in it is a secret (Web Authentication §4, credential record). */
export interface Credential {
  /** base64url, as the authenticator chose it. */
  readonly id: string;
  /** COSE key, base64url. */
  readonly public_key: string;
  readonly counter: number;
  readonly transports: readonly string[];
  /** Whether it may be copied to other devices: decided once, when it is made. */
  readonly device_type: 'singleDevice' | 'multiDevice';
  readonly backed_up: boolean;
  readonly aaguid: string;
}

export interface PasskeyRow {
  readonly id: string;
  readonly user_id: string;
  readonly name: string;
  readonly credential: Credential;
  readonly created_at: Date;
  readonly last_used_at: Date | null;
}

const columns = sql`id, user_id, name, credential, created_at, last_used_at`;

/** A person's passkeys, the oldest first. */
export function selectPasskeys(database: Sql, userId: string): Promise<PasskeyRow[]> {
  return database.rows(sql`
    select ${columns} from factors where user_id = ${userId}::uuid and kind = 'passkey' order by created_at, id`);
}

/** The passkey of this credential, whosever it is, or null. */
export function selectByCredential(database: Sql, credentialId: string): Promise<PasskeyRow | null> {
  return database.row(sql`
    select ${columns} from factors where kind = 'passkey' and credential ->> 'id' = ${credentialId}::text`);
}

/** Stores a passkey; null where anybody has registered its credential already. */
export function insertPasskey(
  database: Sql,
  passkey: { id: string; userId: string; name: string; credential: Credential; now: Date },
): Promise<PasskeyRow | null> {
  return database.row(sql`
    insert into factors (id, user_id, kind, name, credential, created_at, confirmed_at)
    values (${passkey.id}::uuid, ${passkey.userId}::uuid, 'passkey', ${passkey.name},
      ${JSON.stringify(passkey.credential)}::jsonb, ${passkey.now}::timestamptz, ${passkey.now}::timestamptz)
    on conflict ((credential ->> 'id')) where kind = 'passkey' do nothing
    returning ${columns}`);
}

/**
 * `insert into factors …` for the statement that creates an account; `source` has its `id`, and `name` is as
 * `passkeyName` gives it. A credential that is already registered fails on `factors_credential_id_idx`, and the account
 * with it.
 */
export function newPasskey(
  { clock, random }: Pick<Deps, 'clock' | 'random'>,
  { name, credential }: { name: string; credential: Credential },
  source: Fragment,
): Fragment {
  const now = clock.now();
  return sql`
    insert into factors (id, user_id, kind, name, credential, created_at, confirmed_at)
    select ${random.uuid()}::uuid, id, 'passkey', ${name}::text, ${JSON.stringify(credential)}::jsonb,
      ${now}::timestamptz, ${now}::timestamptz
    from ${source}`;
}

/** Gives a passkey another name; null where this person has no such passkey. */
export function renameRow(
  database: Sql,
  { id, userId, name }: { id: string; userId: string; name: string },
): Promise<PasskeyRow | null> {
  return database.row(sql`
    update factors set name = ${name} where id = ${id}::uuid and user_id = ${userId}::uuid and kind = 'passkey'
    returning ${columns}`);
}

/** Removes a passkey as long as something else lets its owner in: a password, an identity, another passkey. */
export function deletePasskey(
  database: Sql,
  { id, userId }: { id: string; userId: string },
): Promise<PasskeyRow | null> {
  return database.row(sql`
    delete from factors f where id = ${id}::uuid and user_id = ${userId}::uuid and kind = 'passkey'
      and (exists (select from passwords where user_id = ${userId}::uuid)
        or exists (select from identities where user_id = ${userId}::uuid)
        or exists (select from factors other
          where other.user_id = ${userId}::uuid and other.kind = 'passkey' and other.id <> f.id))
    returning ${columns}`);
}

/** Removes the passkeys that a person added after `since`, whatever else lets them in; returns their ids. */
export async function deletePasskeysSince(
  database: Sql,
  { userId, since }: { userId: string; since: Date },
): Promise<string[]> {
  const removed = await database.rows<{ id: string }>(sql`
    delete from factors where user_id = ${userId}::uuid and kind = 'passkey' and created_at > ${since}::timestamptz
    returning id`);
  return removed.map(({ id }) => id);
}

/**
 * Records a use if the signature counter went up; if both counters are 0, the authenticator does not count (Web
 * Authentication §6.1.1). Of two uses with the same counter at once, one gets through.
 */
export async function countUse(
  database: Sql,
  { id, counter, backedUp, now }: { id: string; counter: number; backedUp: boolean; now: Date },
): Promise<boolean> {
  const written = await database.run(sql`
    update factors set last_used_at = ${now}::timestamptz,
      credential = credential || jsonb_build_object('counter', ${counter}::bigint, 'backed_up', ${backedUp}::bool)
    where id = ${id}::uuid and kind = 'passkey'
      and (${counter}::bigint > (credential ->> 'counter')::bigint
        or (${counter}::bigint = 0 and (credential ->> 'counter')::bigint = 0))`);
  return written === 1;
}
