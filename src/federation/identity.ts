import { printable } from '../accounts/person-name.ts';
import { Problem } from '../platform/problems.ts';
import { isStorable } from '../platform/storable.ts';
import type { Provider } from './provider.ts';

/** Who a provider says that somebody is. */
export interface ProvenIdentity {
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  /** Null where the provider names none. */
  readonly email: string | null;
  /** The provider vouches that the person reads this mailbox. */
  readonly emailVerified: boolean;
  readonly firstName: string;
  readonly lastName: string;
}

type Claims = Readonly<Record<string, unknown>>;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The identity in verified claims, by the rules of the provider: (issuer, subject), or (tenant issuer, oid) for Entra;
 * never an address. Refuses with `provider_account_refused` where only some domains or tenants are admitted and this is
 * none of them.
 */
export function identityOf(provider: Provider, issuer: string, claims: Claims): ProvenIdentity {
  if (provider.kind === 'microsoft') return entraIdentity(provider, claims);
  refuseForeignTenant(provider, claims.tid);
  const email = emailOf(claims);
  const emailVerified = email !== null && isTrue(claims.email_verified);
  // The parameter `hd` of the request is a hint that anybody can change; the claim is Google's word.
  refuseForeignDomain(provider, provider.kind === 'google' ? claims.hd : emailVerified && domainOf(email));
  return {
    provider: provider.id,
    issuer,
    subject: claims.sub as string,
    email,
    emailVerified,
    ...namesIn(claims),
  };
}

// An Entra tenant can write any address into its directory (nOAuth), so an address counts only by the claim xms_edov,
// or from a tenant that the operator named. `sub` differs from client to client; `oid` is the person.
function entraIdentity(provider: Provider, claims: Claims): ProvenIdentity {
  const { tid, oid, iss } = claims;
  if (typeof tid !== 'string' || typeof oid !== 'string' || !GUID.test(tid) || !GUID.test(oid))
    throw new TypeError('tid or oid is missing');
  refuseForeignTenant(provider, tid);
  const isNamed = provider.allowedTenants.includes(tid);
  const email = emailOf(claims);
  const emailVerified = email !== null && (isNamed || isTrue(claims.xms_edov));
  refuseForeignDomain(provider, emailVerified && domainOf(email));
  return {
    provider: provider.id,
    issuer: iss as string,
    subject: oid,
    email,
    emailVerified,
    ...namesIn(claims),
  };
}

/**
 * Refuses with `provider_account_refused` whoever belongs to none of the domains that a provider is limited to;
 * `domain` is the one it vouches for, and not a string where it vouches for none.
 */
export function refuseForeignDomain({ allowedDomains }: Provider, domain: unknown): void {
  if (allowedDomains.length === 0) return;
  if (typeof domain !== 'string' || !allowedDomains.includes(domain.toLowerCase()))
    throw new Problem('provider_account_refused');
}

/** The same for tenants; `tid` is the claim of an Entra token, and missing where a provider has no tenants. */
export function refuseForeignTenant({ allowedTenants }: Provider, tid: unknown): void {
  if (allowedTenants.length === 0) return;
  if (typeof tid !== 'string' || !allowedTenants.includes(tid.toLowerCase()))
    throw new Problem('provider_account_refused');
}

/** The domain of an address. */
export function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1);
}

/** First and last name out of standard claims (OpenID Connect Core §5.1). */
export function namesIn(claims: Claims): Pick<ProvenIdentity, 'firstName' | 'lastName'> {
  const given = textOf(claims.given_name);
  const family = textOf(claims.family_name);
  const [first = '', ...rest] = textOf(claims.name).split(' ');
  return {
    firstName: given === '' ? first : given,
    lastName: family === '' && given === '' ? rest.join(' ') : family,
  };
}

/** The address that a provider names; null where it is no address that can be stored. */
export function emailOf({ email }: Claims): string | null {
  return typeof email === 'string' && email.includes('@') && isStorable(email) ? email : null;
}

// Some providers send the boolean as a string or a digit.
function isTrue(value: unknown): boolean {
  return value === true || value === 'true' || value === 1 || value === '1';
}

/** A name from outside, without characters that cannot be stored, break the line or reverse its direction. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? printable(value).trim().slice(0, 100).toWellFormed() : '';
}
