import type { ImportedAccount } from '../accounts/import.ts';
import { normalizeEmail, normalizeUsername } from '../accounts/normalize.ts';
import { nameFromElsewhere } from '../accounts/person-name.ts';
import { normalizePhone } from '../accounts/phone.ts';
import { NOBODY } from '../audit/personal-fields.ts';
import { ARGON2_MAX } from '../platform/argon2-hash.ts';
import { BCRYPT_COST } from '../platform/bcrypt-hash.ts';
import { isKnownHash } from '../platform/hasher.ts';
import { Problem } from '../platform/problems.ts';
import { readUuid } from '../platform/uuid.ts';
import { asBoolean, asNames, asText, asTime, type Column, columnOf } from './import-columns.ts';
import type { FileRecord } from './read-records.ts';
import { wholeNameOf } from './whole-name.ts';

/** An account as it will be written, and where it stands in the file. */
export interface ImportRow extends Omit<ImportedAccount, 'id'> {
  readonly line: number;
  /** The id in the file, where it is a UUID other than the nil UUID: sibling services know the person by it. */
  readonly id: string | null;
  readonly hash: string | null;
  readonly roles: readonly string[];
}

/** What is wrong with a row, for the operator. */
export class BadRow extends Error {}

/** The account in a record. Throws a BadRow that says which column is wrong, and never the password in it. */
export async function toImportRow({ line, values, fault }: FileRecord): Promise<ImportRow> {
  if (fault !== null) throw new BadRow(fault);
  const found = new Map<Column, unknown>();
  for (const [name, value] of Object.entries(values)) {
    const column = columnOf(name);
    if (column !== null && !found.has(column) && value !== null && value !== '') found.set(column, value);
  }
  const text = (column: Column) => (found.has(column) ? asText(found.get(column)) : null);
  try {
    const own = normalizeEmail(text('email') ?? '');
    const named = usernameOf(text('username'), own);
    const hash = text('hashed_password');
    if (hash !== null && !isKnownHash(hash))
      throw new BadRow(
        `hashed_password: not a hash of bcrypt (at a cost of ${BCRYPT_COST.min} to ${BCRYPT_COST.max}) or argon2 (version 19, up to ${ARGON2_MAX.memoryKib} KiB, ${ARGON2_MAX.passes} passes and ${ARGON2_MAX.lanes} lanes, and ${ARGON2_MAX.work} KiB times passes); leave it empty, and a reset by mail sets a password`,
      );
    return {
      line,
      id: idOf(text('id')),
      email: own.address,
      key: own.key,
      username: named?.username ?? own.address,
      usernameKey: named?.key ?? null,
      ...wholeNameOf(
        {
          first: nameOf(text('first_name')),
          last: lastNameOf(values) ?? nameOf(text('last_name')),
          full: nameOf(text('full_name')),
        },
        own.address,
      ),
      phoneNumber: await phoneOf(text('phone_number')),
      hash,
      disabled: disabledOf(values),
      roles: rolesOf(found.get('roles')),
      createdAt: timeOf('created_at', found.get('created_at')),
      lastLoginAt: timeOf('last_login', found.get('last_login')),
      verified: truthsOf(values, ['email_verified'])[0]?.says ?? false,
    };
  } catch (error) {
    if (error instanceof Problem && error.issues !== undefined)
      throw new BadRow(error.issues.map(({ loc, msg }) => `${loc.at(-1)}: ${msg}`).join(' '), {
        cause: error,
      });
    throw error;
  }
}

// The nil UUID means that there is no id (RFC 9562 §5.9), and the audit trail uses it for events that are nobody's:
// their key must not go when an account is closed.
function idOf(text: string | null): string | null {
  const id = text === null ? null : readUuid(text);
  return id === NOBODY ? null : id;
}

// The original allowed an address as a username, even a former one: such a username becomes the present address. Of ed@… it
// made ed, under which somebody may log in, so that here one is enough.
function usernameOf(text: string | null, own: ReturnType<typeof normalizeEmail>) {
  if (text === null || text.trim() === '' || text.includes('@')) return null;
  return normalizeUsername(text, own, 1);
}

// The original took any text for a name.
function nameOf(text: string | null): string | null {
  return text === null ? null : nameFromElsewhere(text);
}

// Beside a first name, an empty last name means that there is none, as in an export; otherwise the full name may hold one.
function lastNameOf(values: FileRecord['values']): string | null {
  const said = (wanted: Column) =>
    Object.entries(values).flatMap(([name, value]) => (columnOf(name) === wanted ? [value] : []));
  return said('last_name').includes('') && !said('first_name').every(isBlank) ? '' : null;
}

// A phone number that is not valid is left out: nobody should lose their account over it.
async function phoneOf(text: string | null): Promise<string | null> {
  if (text === null) return null;
  return normalizePhone(text.replace(/[\s().-]/g, '')).catch((error: unknown) => {
    if (error instanceof Problem) return null;
    throw error;
  });
}

// One column that disables the account is enough, whatever the others say.
function disabledOf(values: FileRecord['values']): boolean {
  return truthsOf(values, ['disabled', 'enabled']).some(
    ({ column, says }) => says === (column === 'disabled'),
  );
}

// A word that is not understood is refused: it must not let anybody in, nor silently make a verified address unverified.
function truthsOf(values: FileRecord['values'], columns: readonly Column[]) {
  return Object.entries(values).flatMap(([name, value]) => {
    const column = columnOf(name);
    if (column === null || !columns.includes(column) || isBlank(value)) return [];
    const says = asBoolean(value);
    if (says === null)
      throw new BadRow(
        `${name}: write true or false (also t/f, yes/no, y/n, on/off, 1/0), or leave it empty`,
      );
    return [{ column, says }];
  });
}

const isBlank = (value: unknown) =>
  value === null || value === undefined || (typeof value === 'string' && value.trim() === '');

// An empty list, as an export writes it, means no role; a missing field means the role that everybody has.
function rolesOf(value: unknown): string[] {
  const names = asNames(value);
  if (names === 'invalid')
    throw new BadRow('roles: write the names with commas between them, or a list such as ["admin","user"]');
  return names === null ? ['user'] : [...new Set(names)].sort();
}

function timeOf(column: string, value: unknown): Date | null {
  const at = asTime(value);
  if (at === 'invalid')
    throw new BadRow(
      `${column}: not a time in the years 1 to 9999; write 2024-03-01 or 2024-03-01T12:30:00Z`,
    );
  return at;
}
