import type { JWTPayload } from 'jose';
import type { Clock } from '../platform/clock.ts';
import { isStorable } from '../platform/storable.ts';
import { issuerOf } from './issuer.ts';
import type { Provider } from './provider.ts';

// Asymmetric only: with a shared secret anybody who verifies could sign (RFC 8725 §3.1).
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** How far a provider's clock may run ahead of ours, in seconds: `iat` and `nbf` may lie so far in the future. */
export const SKEW_SECONDS = 60;

/**
 * Verifies an ID token (OpenID Connect Core §3.1.3.7): signature by a key of the issuer, that `typ` names no other kind
 * of token, `iss`, `aud`, `azp`, `exp`, `iat`, and the nonce where one is expected. Returns its claims; throws jose's
 * errors, a TypeError, or `KeysUnavailable`.
 */
export async function verifyIdToken(
  { clock }: { clock: Clock },
  provider: Provider,
  token: string,
  nonce: string | undefined,
): Promise<JWTPayload> {
  const { keys, metadata } = issuerOf(provider, clock);
  // Loaded by the first sign-in, since a start does not need it.
  const { jwtVerify } = await import('jose');
  const { payload, protectedHeader } = await jwtVerify(token, (header, jws) => keys.find(header, jws), {
    algorithms: ALGORITHMS,
    audience: [...provider.audience],
    clockTolerance: SKEW_SECONDS,
    currentDate: clock.now(),
    requiredClaims: ['iss', 'sub', 'iat', 'exp'],
  });
  // RFC 8725 §3.11: an access, logout or security event token of the issuer (`at+jwt`, …) may name us and the person, too.
  if (protectedHeader.typ?.toLowerCase().endsWith('+jwt') === true)
    throw new TypeError('typ is another kind of token');
  const { issuer } = await metadata.current();
  const names = issuerNames(provider, issuer, payload);
  if (!names.includes(payload.iss as string)) throw new TypeError('iss is another issuer');
  const bound = await keys.issuerOfKey(protectedHeader.kid);
  if (bound !== null && provider.kind === 'microsoft' && withTenant(bound, payload) !== payload.iss)
    throw new TypeError('the key is of another tenant');
  const { aud, azp, sub } = payload;
  if (Array.isArray(aud) && aud.length > 1 && azp === undefined)
    throw new TypeError('several audiences and no azp');
  if (azp !== undefined && !(typeof azp === 'string' && provider.audience.includes(azp)))
    throw new TypeError('azp is another client');
  const now = clock.now().getTime() / 1000;
  // A clock that is off must not lengthen a token's life: `exp` is exact (RFC 7519 §4.1.4), without jose's tolerance.
  if ((payload.exp as number) <= now) throw new TypeError('exp is over');
  if ((payload.iat as number) > now + SKEW_SECONDS) throw new TypeError('iat is in the future');
  if (nonce !== undefined && payload.nonce !== nonce) throw new TypeError('the nonce is another one');
  if (typeof sub !== 'string' || sub === '' || sub.length > 255 || !isStorable(sub))
    throw new TypeError('sub is missing');
  return payload;
}

function issuerNames({ kind }: Provider, issuer: string, payload: JWTPayload): string[] {
  // Google leaves the scheme out at times.
  if (kind === 'google') return [issuer, issuer.replace('https://', '')];
  return [kind === 'microsoft' ? withTenant(issuer, payload) : issuer];
}

function withTenant(template: string, { tid }: JWTPayload): string {
  return template.replace('{tenantid}', typeof tid === 'string' ? tid : '');
}
