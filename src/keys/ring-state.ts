import { type Algorithm, type Config, isSymmetric } from '../platform/config.ts';
import { SealedError } from '../platform/sealed-columns.ts';
import type { Secrets } from '../platform/secrets.ts';
import type { PublicJwk } from './algorithms.ts';
import { readJsonSegment } from './compact-jws.ts';
import {
  asymmetricCheck,
  asymmetricSigner,
  type Check,
  headerSegment,
  type Sign,
  symmetricCheck,
  symmetricSigner,
  TOKEN_TYPE,
} from './jwt.ts';
import type { SigningKeyRow } from './queries.ts';

/** One key as a process uses it. */
export interface RingKey {
  readonly row: SigningKeyRow;
  readonly sign: Sign | null;
  /** More than one where previous shared secrets still verify. */
  readonly checks: readonly Check[];
}

/** The keys of one moment. Replaced as a whole when they change. */
export interface RingState {
  readonly keys: readonly RingKey[];
  /** By the exact first segment of the tokens that we sign, so that the hot path parses no header. */
  readonly byHeader: ReadonlyMap<string, RingKey>;
}

export type Openers = { readonly config: Config; readonly secrets: Secrets };

/** What a private key of `signing_keys` is sealed under; see platform/sealed-columns.ts. */
export const sealContext = (kid: string) => `signing_keys:${kid}`;

/** Builds the ring from its rows; keys that `known` has are not opened again. Throws when a private key does not open. */
export function buildState(openers: Openers, rows: readonly SigningKeyRow[], known?: RingState): RingState {
  const keys = rows.map(row => {
    const before = known?.keys.find(key => key.row.kid === row.kid && !isSymmetric(row.algorithm));
    return before === undefined ? openKey(openers, row) : { ...before, row };
  });
  return { keys, byHeader: new Map(keys.map(key => [headerOf(key.row), key])) };
}

/** The key that signs at this moment: the newest whose time has come. Throws when none can. */
export function signingKeyAt({ keys }: RingState, now: Date): RingKey & { sign: Sign } {
  const able = keys.filter((key): key is RingKey & { sign: Sign } => key.sign !== null);
  const signing = able.findLast(
    ({ row }) => row.signsFrom <= now && (row.signsUntil === null || row.signsUntil > now),
  );
  // A replica whose clock is behind the one that made the first key still has to sign.
  const key = signing ?? able.findLast(({ row }) => row.signsUntil === null) ?? able.at(-1);
  if (key === undefined) throw new Error('There is no key that can sign.');
  return key;
}

/**
 * The key that a token's header names, or null. `alg` and `kid` only choose among keys that we hold; `jku`, `jwk`,
 * `x5u` and `x5c` are never looked at, and a `crit` is refused, as we understand no extension (RFC 7515 §4.1.11).
 */
export function keyOfHeader({ keys, byHeader }: RingState, segment: string): RingKey | null {
  const known = byHeader.get(segment);
  if (known !== undefined) return known;
  const header = readJsonSegment(segment);
  if (header === null || Object.hasOwn(header, 'crit')) return null;
  const { alg, kid, typ } = header;
  if (typeof typ !== 'string' || typ.toLowerCase().replace(/^application\//, '') !== TOKEN_TYPE) return null;
  return (
    keys.find(({ row }) => row.algorithm === alg && (isSymmetric(row.algorithm) || row.kid === kid)) ?? null
  );
}

/** The public keys for the JWKS: those that will sign, that sign, or that signed tokens which have not expired. */
export function publicKeys({ keys }: RingState): PublicJwk[] {
  return keys.filter(({ row }) => !isSymmetric(row.algorithm)).map(({ row }) => row.publicJwk as PublicJwk);
}

function openKey({ config: { tokens }, secrets }: Openers, row: SigningKeyRow): RingKey {
  const algorithm = row.algorithm as Algorithm;
  if (isSymmetric(algorithm)) {
    const ring = [tokens.jwtSecret, ...tokens.previousJwtSecrets].filter(secret => secret !== null);
    return {
      row,
      sign: tokens.jwtSecret === null ? null : symmetricSigner(algorithm, tokens.jwtSecret),
      checks: ring.map(secret => symmetricCheck(algorithm, secret)),
    };
  }
  return {
    row,
    sign: asymmetricSigner(algorithm, row.kid, openPrivateKey(secrets, row)),
    checks: [asymmetricCheck(row.publicJwk as PublicJwk)],
  };
}

function openPrivateKey(secrets: Secrets, { kid, privateKeySealed }: SigningKeyRow): Buffer {
  try {
    return secrets.open(sealContext(kid), privateKeySealed);
  } catch (cause) {
    throw new SealedError(
      `The signing key ${kid} cannot be opened with AUTH_ROOT_SECRET. Put the secret that it was stored under into ` +
        'AUTH_ROOT_SECRET_PREVIOUS, or remove the key from signing_keys: tokens that it signed are then refused.',
      { cause },
    );
  }
}

function headerOf({ algorithm, kid }: SigningKeyRow): string {
  return isSymmetric(algorithm) ? headerSegment(algorithm) : headerSegment(algorithm, kid);
}
