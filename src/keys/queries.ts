import type { Sql, Tx } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';
import type { PublicJwk } from './algorithms.ts';

/** A row of `signing_keys`. Under HS* it marks since when the shared secret signs, and holds no key. */
export interface SigningKeyRow {
  readonly kid: string;
  readonly algorithm: string;
  readonly publicJwk: PublicJwk | Record<string, never>;
  readonly privateKeySealed: Buffer;
  readonly createdAt: Date;
  readonly signsFrom: Date;
  /** Null while no successor is known. */
  readonly signsUntil: Date | null;
  /** When the last token that it signed has expired; null while it signs. */
  readonly verifiesUntil: Date | null;
}

const columns = sql`kid, algorithm, public_jwk as "publicJwk", private_key_sealed as "privateKeySealed",
  created_at as "createdAt", signs_from as "signsFrom", signs_until as "signsUntil", verifies_until as "verifiesUntil"`;

/** Every key that signs, will sign or still verifies, oldest first. */
export function listLiveKeys(db: Sql, now: Date): Promise<SigningKeyRow[]> {
  return db.rows<SigningKeyRow>(sql`select ${columns} from signing_keys
    where verifies_until is null or verifies_until > ${now}::timestamptz order by signs_from, kid`);
}

/** Lets one process at a time decide about keys, until its transaction ends. */
export async function lockKeys(tx: Tx): Promise<void> {
  await tx.run(sql`select pg_advisory_xact_lock(hashtextextended('keys', 0))`);
}

/** Stores a key; if it was there before (an HS* marker), it starts over. */
export async function insertKey(tx: Tx, key: SigningKeyRow): Promise<void> {
  await tx.run(sql`insert into signing_keys
      (kid, algorithm, public_jwk, private_key_sealed, created_at, signs_from)
    values (${key.kid}, ${key.algorithm}, ${JSON.stringify(key.publicJwk)}::jsonb, ${key.privateKeySealed},
      ${key.createdAt}, ${key.signsFrom})
    on conflict (kid) do update set signs_from = excluded.signs_from, signs_until = null, verifies_until = null`);
}

/**
 * Ends the signing of every key but `kid`: from `signsUntil` on the others only verify, until `verifiesUntil` or a later
 * time that was promised before, if that is no later than `latest`. A key that was to begin later never signs.
 */
export async function retireOthers(
  tx: Tx,
  {
    kid,
    signsUntil,
    verifiesUntil,
    latest,
  }: { kid: string; signsUntil: Date; verifiesUntil: Date; latest: Date },
): Promise<void> {
  await tx.run(sql`update signing_keys
    set signs_from = least(signs_from, ${signsUntil}::timestamptz), signs_until = ${signsUntil}::timestamptz,
      verifies_until = greatest(
        case when verifies_until <= ${latest}::timestamptz then verifies_until end, ${verifiesUntil}::timestamptz)
    where kid <> ${kid} and (signs_until is null or signs_until > ${signsUntil}::timestamptz)`);
}

/** Removes keys that verify nothing any more, private parts and all. */
export function removeDeadKeys(tx: Tx, now: Date): Promise<number> {
  return tx.run(sql`delete from signing_keys where verifies_until <= ${now}::timestamptz`);
}

/** Removes every key but one. */
export function removeOtherKeys(tx: Tx, kid: string): Promise<number> {
  return tx.run(sql`delete from signing_keys where kid <> ${kid}`);
}
