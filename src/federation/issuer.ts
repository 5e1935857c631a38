import type { Clock } from '../platform/clock.ts';
import { fetchJson, ProviderUnavailable } from './bounded-fetch.ts';
import { type IssuerKeys, issuerKeys } from './issuer-keys.ts';
import type { Provider } from './provider.ts';
import { type Remembered, remember } from './remembered.ts';

/** The metadata of an issuer (OpenID Connect Discovery §3), as far as it was checked. */
export interface IssuerMetadata {
  /** Contains `{tenantid}` for an Entra endpoint of many tenants. */
  readonly issuer: string;
  readonly jwks_uri: string;
  readonly [name: string]: unknown;
}

/** What is known of an issuer: its metadata for an hour, its keys for ten minutes, both through an outage for a day. */
export interface Issuer {
  readonly metadata: Remembered<IssuerMetadata>;
  readonly keys: IssuerKeys;
}

const FRESH_MS = 60 * 60_000;

// The endpoints that we call or send people to.
const ASKED = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'];

// One for each clock and issuer, so that a test with its own clock shares nothing with another.
const known = new WeakMap<Clock, Map<string, Issuer>>();

/** The issuer of a provider, remembered for as long as the process lives. */
export function issuerOf({ issuer, kind }: Pick<Provider, 'issuer' | 'kind'>, clock: Clock): Issuer {
  let all = known.get(clock);
  if (all === undefined) known.set(clock, (all = new Map()));
  const key = `${kind} ${issuer}`;
  let found = all.get(key);
  if (found === undefined) {
    const metadata = remember(() => discover(issuer, kind === 'microsoft'), clock, FRESH_MS);
    all.set(key, (found = { metadata, keys: issuerKeys(metadata, clock) }));
  }
  return found;
}

async function discover(issuer: string, isMicrosoft: boolean): Promise<IssuerMetadata> {
  const metadata = await fetchJson(`${issuer}/.well-known/openid-configuration`);
  const named = metadata.issuer;
  if (typeof named !== 'string' || !(isMicrosoft ? isSameOrigin(named, issuer) : isSame(named, issuer)))
    throw new ProviderUnavailable(`${issuer} describes another issuer`);
  for (const name of ASKED) {
    // The endpoints need TLS where the issuer has it; other metadata, such as its terms of use, may name any page.
    const value = metadata[name];
    const isPlain = typeof value === 'string' && !value.startsWith('https:');
    if (isPlain && issuer.startsWith('https:')) throw new ProviderUnavailable(`${issuer}: ${name} lacks TLS`);
  }
  if (typeof metadata.jwks_uri !== 'string') throw new ProviderUnavailable(`${issuer} names no jwks_uri`);
  return metadata as unknown as IssuerMetadata;
}

// Discovery §4.3: the metadata must be of the very issuer that was asked; only a trailing slash may differ.
const isSame = (named: string, issuer: string) => named.replace(/\/$/, '') === issuer;

// Asked by a tenant's domain name, Entra names the tenant by its id; asked for "common", it names {tenantid}.
function isSameOrigin(named: string, issuer: string): boolean {
  const tenant = /^https?:\/\/[^/]+\/([0-9a-f-]{36})\//.exec(issuer)?.[1];
  return (
    URL.parse(named)?.origin === new URL(issuer).origin && (tenant === undefined || named.includes(tenant))
  );
}
