import type { Config, OidcProvider } from '../platform/config.ts';
import { Problem } from '../platform/problems.ts';

export type ProviderKind = NonNullable<OidcProvider['type']>;

/** An identity provider as it is configured. */
export interface Provider {
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  readonly kind: ProviderKind;
  /** Where discovery begins, without a trailing slash. */
  readonly issuer: string;
  readonly clientId: string;
  /** The client ids that an ID token may be meant for. */
  readonly audience: readonly string[];
  /** Null: no redirect flow, ID tokens only. */
  readonly clientSecret: string | null;
  readonly scopes: readonly string[];
  /** Empty: every domain. */
  readonly allowedDomains: readonly string[];
  /** Tenants that are admitted and, for Entra, whose addresses are believed; if empty, all are admitted and none believed. */
  readonly allowedTenants: readonly string[];
  readonly apple: { readonly teamId: string; readonly keyId: string } | null;
}

const SCOPES: Readonly<Record<ProviderKind, readonly string[]>> = {
  oidc: ['openid', 'email', 'profile'],
  google: ['openid', 'email', 'profile'],
  microsoft: ['openid', 'email', 'profile'],
  github: ['read:user', 'user:email'],
  apple: ['openid', 'email', 'name'],
};

const KNOWN = new Set<string>(['google', 'microsoft', 'github', 'apple'] satisfies ProviderKind[]);

/** Every provider that is configured, Google first. */
export function providersOf({ google, oidcProviders }: Pick<Config, 'google' | 'oidcProviders'>): Provider[] {
  const [clientId] = google.clientIds;
  const first: Provider[] =
    clientId === undefined
      ? []
      : [
          {
            id: 'google',
            name: 'Google',
            kind: 'google',
            issuer: google.issuer,
            clientId,
            audience: google.clientIds,
            clientSecret: google.clientSecret,
            scopes: SCOPES.google,
            allowedDomains: [],
            allowedTenants: [],
            apple: null,
          },
        ];
  return [...first, ...oidcProviders.map(fromEntry)];
}

/**
 * The provider of this id. Refuses with `feature_disabled` where this service knows the provider but it is not
 * configured, and with `provider_not_found` where it does not know it.
 */
export function findProvider(config: Pick<Config, 'google' | 'oidcProviders'>, id: string): Provider {
  const provider = providersOf(config).find(candidate => candidate.id === id);
  if (provider === undefined) throw new Problem(KNOWN.has(id) ? 'feature_disabled' : 'provider_not_found');
  return provider;
}

/** As `findProvider`, but for the redirect flow: a provider without a client secret counts as switched off, too. */
export function findRedirectProvider(
  config: Pick<Config, 'google' | 'oidcProviders'>,
  id: string,
): Provider & { readonly clientSecret: string } {
  const provider = findProvider(config, id);
  if (!canRedirect(provider)) throw new Problem('feature_disabled');
  return provider;
}

/** True where people can be sent to the provider; Google without a secret takes ID tokens only. */
export function canRedirect(provider: Provider): provider is Provider & { readonly clientSecret: string } {
  return provider.clientSecret !== null;
}

/** What people call the provider of this id, also after it has left the configuration. */
export function providerName(config: Pick<Config, 'google' | 'oidcProviders'>, id: string): string {
  return providersOf(config).find(provider => provider.id === id)?.name ?? (id === 'google' ? 'Google' : id);
}

function fromEntry(entry: OidcProvider): Provider {
  const kind = entry.type ?? kindOf(entry.issuer);
  return {
    id: entry.id,
    name: entry.name,
    kind,
    issuer: entry.issuer.replace(/\/+$/, ''),
    clientId: entry.client_id,
    audience: [entry.client_id, ...(entry.audiences ?? [])],
    clientSecret: entry.client_secret,
    scopes: scopesOf(kind, entry.scopes),
    allowedDomains: (entry.allowed_domains ?? []).map(domain => domain.toLowerCase()),
    allowedTenants: (entry.allowed_tenants ?? []).map(tenant => tenant.toLowerCase()),
    apple:
      entry.team_id === undefined || entry.key_id === undefined
        ? null
        : { teamId: entry.team_id, keyId: entry.key_id },
  };
}

function scopesOf(kind: ProviderKind, scopes: readonly string[] | undefined): readonly string[] {
  if (scopes === undefined) return SCOPES[kind];
  return kind === 'github' || scopes.includes('openid') ? scopes : ['openid', ...scopes];
}

const KINDS: Readonly<Record<string, ProviderKind>> = {
  'accounts.google.com': 'google',
  'login.microsoftonline.com': 'microsoft',
  'login.microsoftonline.us': 'microsoft',
  'login.partner.microsoftonline.cn': 'microsoft',
  'appleid.apple.com': 'apple',
  'github.com': 'github',
};

function kindOf(issuer: string): ProviderKind {
  return KINDS[new URL(issuer).hostname] ?? 'oidc';
}
