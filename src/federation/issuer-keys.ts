import type { createLocalJWKSet, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from 'jose';
import type { Clock } from '../platform/clock.ts';
import { fetchJson, ProviderUnavailable } from './bounded-fetch.ts';
import type { IssuerMetadata } from './issuer.ts';
import { type Remembered, remember } from './remembered.ts';

/** The public keys of an issuer, found by OpenID Connect Discovery. */
export interface IssuerKeys {
  /** The key that a token names; refetches once for a `kid` that is not known. */
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>;
  /** The `issuer` that Entra writes beside a key: the only issuer that the key may sign for. Null where there is none. */
  issuerOfKey(kid: string | undefined): Promise<string | null>;
}

type CryptoKey = Awaited<ReturnType<ReturnType<typeof createLocalJWKSet>>>;

/** The issuer's keys cannot be had, and none are kept that could stand in for them. */
export class KeysUnavailable extends Error {}

const FRESH_MS = 10 * 60_000;

/**
 * Keeps the keys of one issuer (OpenID Connect Discovery §4, RFC 7517): they are refetched after ten minutes, or at
 * once, but no more than twice a minute, when a token names a key that is not among them. Through an outage they are
 * kept for a day.
 */
export function issuerKeys(metadata: Remembered<IssuerMetadata>, clock: Clock): IssuerKeys {
  const load = async () => {
    const jwks = await fetchJwks((await metadata.current()).jwks_uri);
    const jose = await import('jose');
    return { jwks, pick: jose.createLocalJWKSet(jwks) };
  };
  const kept = remember(load, clock, FRESH_MS);
  const current = () =>
    kept.current().catch((cause: unknown) => {
      throw new KeysUnavailable('The keys of the provider cannot be had', { cause });
    });
  return {
    async find(header, token) {
      const known = await current();
      try {
        return await known.pick(header, token);
      } catch (error) {
        const fresh = await (kept.newerThan(known)?.catch(() => known) ?? known);
        if (fresh === known) throw error;
        return fresh.pick(header, token);
      }
    },
    async issuerOfKey(kid) {
      const key = (await current()).jwks.keys.find(candidate => candidate.kid === kid) as
        | { issuer?: unknown }
        | undefined;
      return typeof key?.issuer === 'string' ? key.issuer : null;
    },
  };
}

async function fetchJwks(uri: string): Promise<JSONWebKeySet> {
  const jwks = await fetchJson(uri);
  if (!Array.isArray(jwks.keys)) throw new ProviderUnavailable(`${uri} holds no keys`);
  return jwks as unknown as JSONWebKeySet;
}
