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

/** OIDC_PROVIDERS: a JSON list of providers with distinct ids. */
export function oidcProviders(value: string): readonly OidcProvider[] {
  const parsed = json(value);
  if (!Array.isArray(parsed)) throw new Unacceptable('must be a JSON list of providers');
  const ids = new Set<unknown>();
  const providers = parsed.map(completed);
  const complaints = providers.flatMap((provider, index) => {
    const id = idOf(provider);
    const twice = isText(id) && ids.has(id);
    const found = [...complaintsAbout(provider), ...(twice ? ['its "id" is used twice'] : [])];
    ids.add(id);
    return found.length === 0 ? [] : [`entry ${index + 1}: ${found.join(', ')}`];
  });
  if (complaints.length > 0) throw new Unacceptable(`must be right in ${complaints.join('; in ')}`);
  return providers as readonly OidcProvider[];
}

const idOf = (provider: unknown) => (provider as Partial<OidcProvider> | null)?.id;

function completed(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return entry;
  const { type, scopes } = entry as { type?: string; scopes?: unknown };
  const issuer = ISSUERS[type ?? ''];
  return {
    ...(issuer !== undefined && { issuer }),
    ...entry,
    // As OAuth writes them (RFC 6749 §3.3).
    ...(typeof scopes === 'string' && scopes.trim() !== '' && { scopes: scopes.trim().split(/\s+/) }),
  };
}

function complaintsAbout(provider: unknown): string[] {
  if (typeof provider !== 'object' || provider === null) return ['it is not an object'];
  const record = provider as Record<string, unknown>;
  const { id, type, issuer } = record;
  const known = [...REQUIRED, ...OPTIONAL, ...LISTS];
  return [
    ...REQUIRED.filter(name => !isText(record[name])).map(name => `"${name}" must be a text`),
    ...OPTIONAL.filter(name => record[name] !== undefined && !isText(record[name])).map(
      name => `"${name}" must be a text`,
    ),
    ...LISTS.filter(name => record[name] !== undefined && !isListOfTexts(record[name])).map(
      name => `"${name}" must be a list of texts`,
    ),
    ...Object.keys(record)
      .filter(name => !known.includes(name))
      .map(name => `there is no member "${name}"`),
    ...(isText(id) ? complaintsAboutId(id) : []),
    ...(isText(type) && !TYPES.includes(type) ? [`"type" must be one of ${TYPES.join(', ')}`] : []),
    ...(type === 'apple' ? complaintsAboutApple(record) : []),
    ...(isText(issuer) ? complaintsAboutIssuer(issuer) : []),
  ];
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const isListOfTexts = (value: unknown) =>
  Array.isArray(value) && value.every(item => typeof item === 'string');

function complaintsAboutId(id: string): string[] {
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(id)) return ['"id" is made of a-z, 0-9, _ and -'];
  if (id === 'google') return ['the id "google" belongs to GOOGLE_CLIENT_ID'];
  return id === 'providers' || id === 'exchange' ? [`the id "${id}" is a route's name`] : [];
}

function complaintsAboutApple({ team_id, key_id, client_secret }: Record<string, unknown>): string[] {
  return [
    ...(team_id === undefined || key_id === undefined
      ? ['"team_id" and "key_id" must be given for apple']
      : []),
    ...(isText(client_secret) && !client_secret.includes('BEGIN PRIVATE KEY')
      ? ['"client_secret" must be the text of the .p8 file for apple']
      : []),
  ];
}

function complaintsAboutIssuer(issuer: string): string[] {
  try {
    secureUrl(issuer);
    return [];
  } catch (error) {
    return [`"issuer" ${(error as Error).message}`];
  }
}
