import type { Clock } from '../platform/clock.ts';
import { fetchJson, ProviderUnavailable } from './bounded-fetch.ts';
import { type IssuerKeys, issuerKeys } from './issuer-keys.ts';
import type { Provider } from './provider.ts';
import { type Remembered, remember } from './remembered.ts';

/** The metadata of an issuer (OpenID Connect Discovery §3), as far as it was looked at. */
export interface IssuerMetadata {
  /** With `{tenantid}` in it for an Entra endpoint of many tenants. */
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

// Where we, or people on our word, go.
const ASKED = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'];

// One for each world and issuer: the world is what a test replaces.
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
    // What is asked is as private as the issuer itself; its terms of use, say, may be a page anywhere.
    const value = metadata[name];
    const isPlain = typeof value === 'string' && !value.startsWith('https:');
    if (isPlain && issuer.startsWith('https:')) throw new ProviderUnavailable(`${issuer}: ${name} lacks TLS`);
  }
  if (typeof metadata.jwks_uri !== 'string') throw new ProviderUnavailable(`${issuer} names no jwks_uri`);
  return metadata as unknown as IssuerMetadata;
}

// Discovery §4.3: the metadata must be of the very issuer that was asked; a trailing slash is a matter of spelling here.
const isSame = (named: string, issuer: string) => named.replace(/\/$/, '') === issuer;

// Entra answers for a domain's name with the tenant's id, and for "common" with {tenantid}.
function isSameOrigin(named: string, issuer: string): boolean {
  const tenant = /^https?:\/\/[^/]+\/([0-9a-f-]{36})\//.exec(issuer)?.[1];
  return (
    URL.parse(named)?.origin === new URL(issuer).origin && (tenant === undefined || named.includes(tenant))
  );
}
