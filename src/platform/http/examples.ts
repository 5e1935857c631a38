type Json = Record<string, unknown>;

// What members of these names look like, so that an example reads like the real thing.
const BY_NAME: Readonly<Record<string, unknown>> = {
  email: 'ada@example.com',
  username: 'ada@example.com',
  first_name: 'Ada',
  last_name: 'Lovelace',
  full_name: 'Ada Lovelace',
  phone_number: '+254712345678',
  password: 'Correct-horse-battery-1',
  confirm_password: 'Correct-horse-battery-1',
  new_password: 'Correct-horse-battery-2',
  confirm_new_password: 'Correct-horse-battery-2',
  current_password: 'Correct-horse-battery-1',
  access_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTkzMDBmNCJ9.c2lnbmF0dXJl',
  refresh_token: 'AQGTAPRvAHAAgAAAAAAAAAE',
  expires_in: 1800,
  code: '492039',
  roles: ['user'],
  permissions: ['users:read'],
  name: 'support',
  description: 'Helps people',
  ip: '203.0.113.7',
  user_agent: 'Mozilla/5.0',
  grant_type: 'password',
  code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  disabled: false,
  mfa_enabled: false,
  built_in: false,
  pending_email: null,
  next_cursor: null,
  reason: null,
  removal_at: null,
  locked_until: null,
  previous_secret_expires_at: null,
};

/**
 * An example value that fits a schema: the schema's own if it has one, else one made from its parts. An optional member is
 * left out unless a realistic value is known: sent as they are, these examples must not break a request.
 */
export function exampleOf(schema: unknown, name = ''): unknown {
  if (typeof schema !== 'object' || schema === null) return null;
  const {
    type,
    properties,
    required,
    items,
    examples,
    default: preset,
    const: only,
    anyOf,
    format,
  } = schema as Json;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  if (only !== undefined) return only;
  if (type === 'object') {
    const members = Object.entries((properties ?? {}) as Record<string, Json>).filter(
      ([member, part]) => ((required ?? []) as string[]).includes(member) || hasOwnExample(part, member),
    );
    return Object.fromEntries(members.map(([member, part]) => [member, exampleOf(part, member)]));
  }
  if (Object.hasOwn(BY_NAME, name) && fits(BY_NAME[name], schema as Json)) return BY_NAME[name];
  if (preset !== undefined) return preset;
  if (Array.isArray(anyOf)) return exampleOf(anyOf[0], name);
  if (type === 'array') return [exampleOf(items, name.replace(/s$/, ''))];
  if (format === 'date-time') return '2026-11-23T17:21:26.123Z';
  if (format === 'uuid') return '019300f4-6f00-7000-8000-000000000001';
  if (format === 'uri') return 'https://example.com/';
  if (type === 'boolean') return true;
  if (type === 'integer' || type === 'number') return 1;
  return 'string';
}

function hasOwnExample(part: Json, name: string): boolean {
  return (
    ['examples', 'const', 'default'].some(word => word in part) ||
    (Object.hasOwn(BY_NAME, name) && fits(BY_NAME[name], part))
  );
}

function fits(value: unknown, schema: Json): boolean {
  const { type, anyOf, enum: choices, pattern } = schema;
  if (Array.isArray(choices)) return choices.includes(value);
  if (Array.isArray(anyOf)) return anyOf.some(part => fits(value, part as Json));
  if (Array.isArray(type)) return type.some(each => fits(value, { ...schema, type: each }));
  if (value === null) return type === 'null';
  if (Array.isArray(value)) return type === 'array';
  if (typeof value === 'number') return type === 'integer' || type === 'number';
  if (typeof pattern === 'string' && typeof value === 'string' && !new RegExp(pattern, 'u').test(value))
    return false;
  return typeof value === type;
}
