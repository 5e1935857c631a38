import { constants, createPrivateKey, createPublicKey, sign, timingSafeEqual, verify } from 'node:crypto';
import type { Algorithm } from '../platform/config.ts';
import { type Digest, hmacWith } from '../platform/digest.ts';
import type { PublicJwk } from './algorithms.ts';
import { type CompactJws, readJsonSegment } from './compact-jws.ts';

/** The media type of a JWT access token, which no other token of ours has (RFC 9068 §2.1). */
export const TOKEN_TYPE = 'at+jwt';

/** Signs a payload as a compact JWS (RFC 7515 §5.1). */
export type Sign = (payload: object) => string;

/** The payload of a token if the key made its signature (RFC 7515 §5.2), else null. What it says is left to the caller. */
export type Check = (jws: CompactJws) => Record<string, unknown> | null;

/** The first segment of every token that a key signs; without a `kid` under the shared secret. */
export function headerSegment(algorithm: string, kid?: string): string {
  return encode(JSON.stringify({ alg: algorithm, typ: TOKEN_TYPE, ...(kid !== undefined && { kid }) }));
}

/** A signer with the shared secret's raw UTF-8 bytes as the key (RFC 7518 §3.2). */
export function symmetricSigner(algorithm: Algorithm, secret: string | Buffer): Sign {
  const mac = macWith(algorithm, secret);
  return signerWith(headerSegment(algorithm), mac);
}

/** A check with the shared secret's raw UTF-8 bytes as the key, in constant time. */
export function symmetricCheck(algorithm: Algorithm, secret: string | Buffer): Check {
  const mac = macWith(algorithm, secret);
  return checkerWith((input, signature) => {
    const expected = Buffer.from(mac(input));
    const presented = Buffer.from(signature);
    return expected.length === presented.length && timingSafeEqual(expected, presented);
  });
}

/** A signer with a private key (PKCS #8, DER) of ours. */
export function asymmetricSigner(algorithm: Algorithm, kid: string, privateKey: Buffer): Sign {
  const { digest, ...options } = schemeOf(algorithm);
  const key = { key: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }), ...options };
  return signerWith(headerSegment(algorithm, kid), input =>
    sign(digest, Buffer.from(input), key).toString('base64url'),
  );
}

/** A check with a public key of ours, under the one algorithm that the key names. */
export function asymmetricCheck(jwk: PublicJwk): Check {
  const { digest, ...options } = schemeOf(jwk.alg);
  const key = { key: createPublicKey({ key: { ...jwk }, format: 'jwk' }), ...options };
  return checkerWith((input, signature) =>
    verify(digest, Buffer.from(input), key, Buffer.from(signature, 'base64url')),
  );
}

function macWith(algorithm: Algorithm, secret: string | Buffer): (input: string) => string {
  const mac = hmacWith(`sha${algorithm.slice(2)}` as Digest, Buffer.from(secret));
  return input => mac(input, 'base64url');
}

// RFC 7518 §3.3 to §3.5 and RFC 8037 §3.1.
function schemeOf(algorithm: Algorithm) {
  switch (algorithm) {
    case 'RS256':
      return { digest: 'sha256', padding: constants.RSA_PKCS1_PADDING };
    case 'PS256':
      return {
        digest: 'sha256',
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      };
    case 'ES256':
      return { digest: 'sha256', dsaEncoding: 'ieee-p1363' as const };
    case 'EdDSA':
      return { digest: null };
    default:
      throw new Error(`${algorithm} signs with the shared secret`);
  }
}

function signerWith(header: string, signatureOf: (input: string) => string): Sign {
  return payload => {
    const input = `${header}.${encode(JSON.stringify(payload))}`;
    return `${input}.${signatureOf(input)}`;
  };
}

// The signature is checked first: a payload that no key of ours has signed is not even parsed.
function checkerWith(isSigned: (input: string, signature: string) => boolean): Check {
  return ({ input, payload, signature }) => (isSigned(input, signature) ? readJsonSegment(payload) : null);
}

const encode = (text: string) => Buffer.from(text).toString('base64url');
