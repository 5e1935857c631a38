import { isDay, readInstant } from '../platform/clock.ts';

/** What an import knows of an account, by our own names. */
export type Column =
  | 'id'
  | 'email'
  | 'username'
  | 'first_name'
  | 'last_name'
  | 'full_name'
  | 'phone_number'
  | 'hashed_password'
  | 'disabled'
  | 'enabled'
  | 'roles'
  | 'created_at'
  | 'last_login'
  | 'email_verified';

// The original's name for a column first, then those of other programs.
const NAMES: Readonly<Record<Column, readonly string[]>> = {
  id: ['id', 'user_id', 'uuid', 'sub'],
  email: ['email', 'email_address', 'mail'],
  username: ['username', 'user_name', 'login'],
  first_name: ['first_name', 'given_name', 'firstname'],
  last_name: ['last_name', 'family_name', 'surname', 'lastname'],
  full_name: ['full_name', 'name', 'display_name', 'fullname'],
  phone_number: ['phone_number', 'phone', 'mobile', 'telephone'],
  hashed_password: ['hashed_password', 'password_hash', 'encrypted_password', 'password'],
  disabled: ['disabled', 'is_disabled', 'blocked'],
  enabled: ['enabled', 'is_active', 'active'],
  roles: ['roles', 'role'],
  created_at: ['created_at', 'created', 'date_joined', 'creation_date'],
  last_login: ['last_login', 'last_login_at', 'last_sign_in_at'],
  email_verified: ['email_verified', 'is_verified', 'email_confirmed', 'verified'],
};

/** The columns that an import knows, by our own names. */
export const COLUMNS = Object.keys(NAMES);

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '');
const known = new Map(
  Object.entries(NAMES).flatMap(([column, names]) => names.map(name => [plain(name), column as Column])),
);

/** The column that a name in a header stands for, in any spelling; null for a column that is not imported. */
export function columnOf(name: string): Column | null {
  return known.get(plain(name)) ?? null;
}

/** The text of a field; empty where it holds an object. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

/** A truth value as PostgreSQL, JSON and spreadsheets write it; null where it is missing or something else. */
export function asBoolean(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  const text = asText(value).trim().toLowerCase();
  if (/^(t|true|yes|y|1|on)$/.test(text)) return true;
  return /^(f|false|no|n|0|off)$/.test(text) ? false : null;
}

/**
 * A time in the years 1 to 9999; without a zone it is UTC, as the original wrote it. Null where it is missing,
 * 'invalid' where it is not a time.
 */
export function asTime(value: unknown): Date | null | 'invalid' {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'string') return 'invalid';
  const text = value.trim();
  if (text === '') return null;
  const [, date = '', time = '00:00:00', zone = ''] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?$/i.exec(
      text,
    ) ?? [];
  if (!isDay(date)) return 'invalid';
  const hours = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2');
  return readInstant(`${date}T${time}${/^[+-]/.test(hours) ? hours : 'Z'}`) ?? 'invalid';
}

// Quotes hold no escapes and no comma: the names of roles need neither.
const QUOTED = `'[^,'"\\\\]*'|"[^,'"\\\\]*"`;
const list = (open: string, item: string, close: string) =>
  new RegExp(`^\\${open}\\s*(?:(?:${item})\\s*(?:,\\s*(?:${item})\\s*)*)?\\${close}$`);
// Python's str() of a list, and a JSON list of plain words.
const BRACKETS = list('[', QUOTED, ']');
// What PostgreSQL writes for text[].
const BRACES = list('{', `${QUOTED}|[^\\s,'"\\\\{}:]+`, '}');

/**
 * A list of names: JSON's, Python's, PostgreSQL's, or words between commas. Null where it is missing, 'invalid' where
 * it is something else, such as a truth value or an object.
 */
export function asNames(value: unknown): string[] | null | 'invalid' {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.every(name => typeof name === 'string') ? value : 'invalid';
  if (typeof value !== 'string') return 'invalid';
  const text = value.trim();
  if (text === '' || text === 'null') return null;
  if (/^(true|false|t|f|none)$/i.test(text)) return 'invalid';
  if (/^[[{]/.test(text))
    return BRACKETS.test(text) || BRACES.test(text) ? wordsOf(text.slice(1, -1)) : 'invalid';
  const words = wordsOf(text);
  return words.length === 0 ? 'invalid' : words;
}

const wordsOf = (text: string) =>
  text
    .split(',')
    .map(name => name.trim().replace(/^(["'])(.*)\1$/s, '$2'))
    .filter(name => name !== '');
