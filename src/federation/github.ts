import { fetchAny, fetchJson } from './bounded-fetch.ts';
import {
  domainOf,
  emailOf,
  namesIn,
  type ProvenIdentity,
  refuseForeignDomain,
  refuseForeignTenant,
} from './identity.ts';
import type { IssuerMetadata } from './issuer.ts';
import type { Provider } from './provider.ts';

/** GitHub has OAuth 2 without OpenID Connect, and no metadata: this is what its documentation says. */
export function githubMetadata({ issuer }: Provider): IssuerMetadata {
  return {
    // The `iss` of its answers (RFC 9207).
    issuer: `${issuer}/login/oauth`,
    authorization_endpoint: `${issuer}/login/oauth/authorize`,
    token_endpoint: `${issuer}/login/oauth/access_token`,
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    jwks_uri: '',
  };
}

/**
 * Who an access token of GitHub belongs to: the number of the account, which outlives its name, and the primary address
 * where GitHub has verified it. Throws `ProviderUnavailable`, and `provider_account_refused` as `identityOf` does.
 */
export async function githubIdentity(provider: Provider, accessToken: string): Promise<ProvenIdentity> {
  const { issuer } = provider;
  // An Enterprise Server has its API below its own host.
  const api = issuer === 'https://github.com' ? 'https://api.github.com' : `${issuer}/api/v3`;
  const options = {
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${accessToken}`,
      'user-agent': 'Entrecore-Auth',
    },
  };
  const [user, emails] = await Promise.all([
    fetchJson(`${api}/user`, options),
    fetchAny(`${api}/user/emails`, options),
  ]);
  if (!Number.isSafeInteger(user.id)) throw new TypeError('GitHub names no account');
  const primary = (Array.isArray(emails) ? emails : []).find(entry => entry?.primary === true);
  const email = emailOf({ email: primary?.email });
  const emailVerified = email !== null && primary.verified === true;
  refuseForeignTenant(provider, undefined);
  refuseForeignDomain(provider, emailVerified && domainOf(email));
  return {
    provider: provider.id,
    issuer,
    subject: String(user.id),
    email,
    emailVerified,
    ...namesIn({ name: user.name ?? user.login }),
  };
}
