import { numericDate } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import type { Provider } from './provider.ts';

const LIFETIME_SECONDS = 300;

/** Apple's client secret: a JWT of ours, signed with the key of the .p8 file, good for five minutes. */
export async function appleClientSecret(
  { clock }: Pick<Deps, 'clock'>,
  { apple, clientId, clientSecret, issuer }: Provider,
): Promise<string> {
  const { importPKCS8, SignJWT } = await import('jose');
  const now = numericDate(clock.now());
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: apple?.keyId ?? '' })
    .setIssuer(apple?.teamId ?? '')
    .setSubject(clientId)
    .setAudience(issuer)
    .setIssuedAt(now)
    .setExpirationTime(now + LIFETIME_SECONDS)
    .sign(await importPKCS8(clientSecret ?? '', 'ES256'));
}
