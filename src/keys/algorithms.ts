import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Algorithm } from '../platform/config.ts';
import { sha256 } from '../platform/digest.ts';

const generate = promisify(generateKeyPair);

/** The members of a public JWK (RFC 7517 §4) that our signing keys have. */
export interface PublicJwk {
  readonly kty: string;
  readonly use: 'sig';
  readonly alg: Algorithm;
  readonly kid: string;
  readonly [member: string]: string;
}

export interface SigningKeyPair {
  /** The key's RFC 7638 thumbprint. */
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly publicJwk: PublicJwk;
  /** PKCS #8, DER. */
  readonly privateKey: Buffer;
}

/**
 * A new key pair: RSA 2048 for RS256 and PS256 (RFC 7518 §3.3; a 3072-bit signature holds the event loop for 2.4 ms, and
 * these keys live for months), P-256 for ES256, Ed25519 for EdDSA.
 */
export async function generateSigningKey(algorithm: Algorithm): Promise<SigningKeyPair> {
  const { publicKey, privateKey } = await generatePair(algorithm);
  const members = publicKey.export({ format: 'jwk' }) as Record<string, string>;
  const kid = thumbprint(members);
  return {
    kid,
    algorithm,
    publicJwk: { ...members, kty: members.kty ?? '', use: 'sig', alg: algorithm, kid },
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
  };
}

function generatePair(algorithm: Algorithm): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  switch (algorithm) {
    case 'RS256':
    case 'PS256':
      return generate('rsa', { modulusLength: 2048 });
    case 'ES256':
      return generate('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generate('ed25519', {});
    default:
      throw new Error(`${algorithm} has no key pair`);
  }
}

// RFC 7638 §3.2 and RFC 8037 §2: these members, in this order, make the thumbprint.
const THUMBPRINT_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['e', 'kty', 'n'],
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
};

/** The SHA-256 thumbprint of a public JWK (RFC 7638), in base64url. */
export function thumbprint(jwk: Readonly<Record<string, string>>): string {
  const members = THUMBPRINT_MEMBERS[jwk.kty ?? ''];
  if (members === undefined) throw new Error(`No thumbprint for a key of type ${jwk.kty}`);
  const canonical = JSON.stringify(Object.fromEntries(members.map(name => [name, jwk[name]])));
  return sha256(canonical).toString('base64url');
}
