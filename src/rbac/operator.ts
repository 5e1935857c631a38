import type { Sql } from '../platform/database.ts';
import type { Granter } from './granter.ts';
import { readRolePermissions } from './queries.ts';

/** Whoever runs the command line, as a granter who holds every permission. */
export async function operatorGranter(database: Sql): Promise<Granter & { kind: 'operator' }> {
  const permissions = await readRolePermissions(database, ['admin']);
  return { kind: 'operator', permissions: new Set(permissions), caller: null };
}
