import type { OidcProvider } from '../config.ts';
import { json } from './parsers.ts';
import { secureUrl } from './url-parsers.ts';
import { Unacceptable } from './variable.ts';

const REQUIRED = ['id', 'name', 'issuer', 'client_id', 'client_secret'];
const OPTIONAL = ['type', 'team_id', 'key_id'];
const LISTS = ['scopes', 'allowed_domains', 'allowed_tenants', 'audiences'];
const TYPES = ['oidc', 'google', 'microsoft', 'github', 'apple'];
// These two have one issuer each, so it need not be written.
const ISSUERS: Readonly<Record<string, string>> = {
  github: 'https://github.com',
  apple: 'https://appleid.apple.com',
};

/** OIDC_PROVIDERS: a JSON list of providers with unlike ids. */
export function oidcProviders(value: string): readonly OidcProvider[] {
  const parsed = json(value);
  if (!Array.isArray(parsed)) throw new Unacceptable('must be a JSON list of providers');
  const ids = new Set<unknown>();
  const providers = parsed.map(withIssuer);
  const complaints = providers.flatMap((provider, index) => {
    const complaint = complaintAbout(provider) ?? (ids.has(idOf(provider)) ? 'its "id" is used twice' : null);
    ids.add(idOf(provider));
    return complaint === null ? [] : [`entry ${index + 1}: ${complaint}`];
  });
  if (complaints.length > 0) throw new Unacceptable(`must be right in ${complaints.join('; in ')}`);
  return providers as readonly OidcProvider[];
}

const idOf = (provider: unknown) => (provider as Partial<OidcProvider> | null)?.id;

function withIssuer(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return entry;
  const issuer = ISSUERS[(entry as { type?: string }).type ?? ''];
  return issuer === undefined ? entry : { issuer, ...entry };
}

function complaintAbout(provider: unknown): string | null {
  if (typeof provider !== 'object' || provider === null) return 'it is not an object';
  const record = provider as Record<string, unknown>;
  for (const name of REQUIRED) {
    if (typeof record[name] !== 'string' || record[name] === '') return `"${name}" must be a text`;
  }
  for (const name of OPTIONAL) {
    const value = record[name];
    if (value !== undefined && (typeof value !== 'string' || value === '')) return `"${name}" must be a text`;
  }
  for (const name of LISTS) {
    const value = record[name];
    if (value !== undefined && !(Array.isArray(value) && value.every(item => typeof item === 'string'))) {
      return `"${name}" must be a list of texts`;
    }
  }
  const known = [...REQUIRED, ...OPTIONAL, ...LISTS];
  const unknown = Object.keys(record).find(name => !known.includes(name));
  if (unknown !== undefined) return `there is no member "${unknown}"`;
  if (!/^[a-z0-9][a-z0-9-]*$/.test(record.id as string)) return '"id" is made of a-z, 0-9 and -';
  if (record.id === 'google') return 'the id "google" belongs to GOOGLE_CLIENT_ID';
  if (record.id === 'providers' || record.id === 'exchange') return `the id "${record.id}" is a route's name`;
  if (record.type !== undefined && !TYPES.includes(record.type as string)) {
    return `"type" must be one of ${TYPES.join(', ')}`;
  }
  if (record.type === 'apple') return complaintAboutApple(record);
  return complaintAboutIssuer(record.issuer as string);
}

function complaintAboutApple({ team_id, key_id, client_secret, issuer }: Record<string, unknown>) {
  if (team_id === undefined || key_id === undefined) return '"team_id" and "key_id" must be given for apple';
  if (!String(client_secret).includes('BEGIN PRIVATE KEY')) {
    return '"client_secret" must be the text of the .p8 file for apple';
  }
  return complaintAboutIssuer(issuer as string);
}

function complaintAboutIssuer(issuer: string): string | null {
  try {
    secureUrl(issuer);
    return null;
  } catch (error) {
    return `"issuer" ${(error as Error).message}`;
  }
}
