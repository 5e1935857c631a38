import type { Sql, Tx } from '../platform/database.ts';
import { insertGrants, selectRoleNames } from './queries.ts';

/** The names of every role. */
export function existingRoles(database: Sql): Promise<string[]> {
  return selectRoleNames(database);
}

/** Gives roles to new accounts, in one statement; a role that does not exist (in a dry run, not yet) is left out. */
export function grantMany(
  tx: Tx,
  grants: readonly { readonly userId: string; readonly role: string }[],
  now: Date,
): Promise<number> {
  return insertGrants(tx, grants, now);
}
