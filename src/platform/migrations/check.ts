import type { ClientBase } from 'pg';
import { readStanding } from './applied.ts';
import { readCatalogue } from './catalogue.ts';
import { compareCatalogues } from './catalogue-comparison.ts';
import { MigrationError } from './migration-error.ts';
import { connectAlone } from './own-connection.ts';
import { inScratchSchema } from './scratch-schema.ts';
import { liftTimeLimits } from './time-limits.ts';
import type { Migration } from './upgrade.ts';

export interface CheckResult {
  /** What must be mended: the database is behind, or its catalogue is not what its revisions make. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Compares a live database with its revisions: which are applied, and every object of its catalogue. Changes nothing. If
 * the role may not compare the catalogue, that is one of the faults.
 */
export async function checkDatabase({
  connection,
  revisions,
  say,
  serviceRole = null,
}: Migration): Promise<CheckResult> {
  const client = await connectAlone(connection, say);
  try {
    await liftTimeLimits(client);
    // Bounds of partitions and defaults are printed in the session's time zone.
    await client.query("set timezone to 'UTC'");
    const { position, pending, edited } = await readStanding(client, revisions);
    const faults = pending.map(({ id }) => `revision ${id} is not applied`);
    const warnings = edited.map(id => `the file of revision ${id} was edited after it was applied here`);
    const live = await readCatalogue(client);
    const applied = revisions.slice(0, position);
    const expected = await inScratchSchema(client, { revisions: applied, serviceRole }, readCatalogue).catch(
      (error: unknown) => {
        if (!(error instanceof MigrationError)) throw error;
        return error;
      },
    );
    if (expected instanceof MigrationError) return { faults: [...faults, expected.message], warnings };
    const { rows } = await client.query<{ now: Date }>('select now()');
    if (rows[0] === undefined) throw new MigrationError('The database does not say what time it is');
    faults.push(...compareCatalogues(expected, live, rows[0].now));
    if (serviceRole !== null && (await mayCreateUnnamed(client, serviceRole)))
      faults.push(`${serviceRole} may create in the schema, by a right that is not granted to it by name`);
    return { faults, warnings };
  } finally {
    await client.end();
  }
}

// The right may come from PUBLIC (the default up to PostgreSQL 14), from a group, or from owning the database or the
// schema; an owner may also drop every table there. A right granted by name is reported with the other grants.
async function mayCreateUnnamed(client: ClientBase, role: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pg_namespace, pg_roles r
     where nspname = current_schema() and rolname = $1 and rolname <> current_user
       and has_schema_privilege(r.oid, pg_namespace.oid, 'create')
       and not exists (select from aclexplode(nspacl) where grantee = r.oid and privilege_type = 'CREATE')`,
    [role],
  );
  return rowCount !== 0;
}
