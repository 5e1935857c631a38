import type { Db } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { effectiveGrants } from './effective.ts';
import { selectDefinitions } from './queries.ts';

/** The version of what the roles contain, for the statement that reads somebody's roles. */
export const roleVersion: Fragment = sql`(select version from role_versions)`;

/** A user as one statement saw it: the roles, and `roleVersion` beside them. */
export interface Holder {
  readonly userId: string;
  readonly roles: readonly string[];
  readonly version: string | null;
  /** How the session was proven. */
  readonly amr: readonly string[];
}

/** The roles of a user, and what they permit. */
export interface Grants {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

interface Definitions {
  readonly version: string;
  readonly roles: ReadonlyMap<string, { readonly mfaRequired: boolean; readonly permissions: string[] }>;
  /** Where each permission stands in the database's order, which under some collations is not JavaScript's. */
  readonly places: ReadonlyMap<string, number>;
}

// Read only through the pool: what a transaction sees of its own changes may yet be rolled back.
const kept = new WeakMap<Db, Definitions>();
const readings = new WeakMap<Db, Promise<Definitions | null>>();

/**
 * What `effectiveGrants` says of the user, without its join: the process keeps what the roles contain for exactly one
 * version, and reads it anew when the user's statement saw another.
 */
export async function grantsOf(db: Db, { userId, roles, version, amr }: Holder): Promise<Grants> {
  let definitions = kept.get(db) ?? null;
  if (version !== null && definitions?.version !== version) definitions = await readOnce(db);
  // The roles changed between the two statements, whose answers must not be mixed; or `role_versions` is empty.
  const proven = amr.includes('mfa');
  if (definitions === null || definitions.version !== version)
    return effectiveGrants(db, { userId, proven: sql`${proven}::bool` });
  return { roles, permissions: permitted(definitions, roles, proven) };
}

function permitted({ roles, places }: Definitions, held: readonly string[], proven: boolean): string[] {
  const lists: string[][] = [];
  for (const name of held) {
    const role = roles.get(name);
    if (role !== undefined && (proven || !role.mfaRequired)) lists.push(role.permissions);
  }
  if (lists.length < 2) return lists[0] ?? [];
  const place = (permission: string) => places.get(permission) as number;
  return [...new Set(lists.flat())].sort((left, right) => place(left) - place(right));
}

// After a change many ask at once, and share one reading. A caller whose statement saw a newer version than that reading
// finds the other version in it.
function readOnce(db: Db): Promise<Definitions | null> {
  let reading = readings.get(db);
  if (reading === undefined) {
    reading = read(db).finally(() => readings.delete(db));
    readings.set(db, reading);
  }
  return reading;
}

async function read(db: Db): Promise<Definitions | null> {
  const rows = await selectDefinitions(db);
  const version = rows[0]?.version;
  if (version === undefined) return null;
  const roles = new Map<string, { mfaRequired: boolean; permissions: string[] }>();
  const places = new Map<string, number>();
  for (const row of rows) {
    if (row.role === null) continue;
    const { role, mfa_required: mfaRequired, permission } = row;
    const known = roles.get(role);
    if (known === undefined) roles.set(role, { mfaRequired, permissions: [permission] });
    else known.permissions.push(permission);
    if (!places.has(permission)) places.set(permission, places.size);
  }
  // Only one reading runs at a time, so the last one is the newest.
  const definitions = { version, roles, places };
  kept.set(db, definitions);
  return definitions;
}
