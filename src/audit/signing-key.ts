import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { sql } from '../platform/sql.ts';

/** Signs batches and checkpoints (Ed25519, RFC 8032). */
export interface SigningKey {
  /** base64url of the 32 bytes: what an operator writes down elsewhere. */
  readonly publicKey: string;
  sign(message: Buffer | string): Buffer;
  verify(message: Buffer | string, signature: Buffer): boolean;
}

const NAME = 'trail';
const CONTEXT = `audit_signing_keys:${NAME}`;

/**
 * The one key that seals this trail: made once, stored sealed under the root secret, so that whoever can only write to the
 * database can neither read it nor put another in its place.
 */
export async function openSigningKey(
  { secrets, clock }: Pick<Deps, 'secrets' | 'clock'>,
  database: Sql,
): Promise<SigningKey> {
  const stored =
    (await findKey(database)) ?? (await addKey(database, secrets.seal(CONTEXT, freshKey()), clock.now()));
  const privateKey = createPrivateKey({
    key: secrets.open(CONTEXT, stored),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(privateKey);
  return {
    publicKey: publicKey.export({ format: 'jwk' }).x as string,
    sign: message => sign(null, Buffer.from(message), privateKey),
    verify: (message, signature) => verify(null, Buffer.from(message), publicKey, signature),
  };
}

/** Reads a public key that `publicKey` wrote. Throws when it is none. */
export function readPublicKey(publicKey: string): KeyObject {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: publicKey } });
}

function freshKey(): Buffer {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
}

async function findKey(database: Sql): Promise<Buffer | null> {
  const row = await database.row<{ private_key_sealed: Buffer }>(
    sql`select private_key_sealed from audit_signing_keys where name = ${NAME}`,
  );
  return row?.private_key_sealed ?? null;
}

// If two replicas start at once, one key stays.
async function addKey(database: Sql, sealed: Buffer, now: Date): Promise<Buffer> {
  await database.run(sql`
    insert into audit_signing_keys (name, private_key_sealed, created_at)
    values (${NAME}, ${sealed}::bytea, ${now}::timestamptz)
    on conflict (name) do nothing`);
  return (await findKey(database)) ?? sealed;
}
