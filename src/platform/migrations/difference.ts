// Compares the schema in code with a database. For development alone: production never loads MikroORM.
import { EntityCaseNamingStrategy, type EntitySchema } from '@mikro-orm/core';
import { DatabaseSchema, MikroORM, SchemaComparator, type SchemaDifference } from '@mikro-orm/postgresql';
import { VERSION_TABLE } from './applied.ts';
import type { ScratchConnection } from './scratch-database.ts';

export interface SchemaInCode {
  readonly entities: readonly EntitySchema[];
  /** Names of the indexes and constraints that only hand-written SQL has: neither created nor dropped here. */
  readonly handWritten: readonly string[];
}

export interface Difference {
  readonly up: string;
  readonly down: string;
}

/**
 * The statements that turn a database's schema into the schema in code, and back; both are empty if there is no difference.
 * Triggers, functions, policies, views, partitions, comments, grants and storage settings belong to hand-written SQL:
 * nothing here drops or changes what no entity states.
 */
export async function differenceOf(
  { database, ssl, ...server }: ScratchConnection,
  { entities, handWritten }: SchemaInCode,
): Promise<Difference> {
  const orm = await MikroORM.init({
    entities: [...entities],
    ...server,
    dbName: database,
    driverOptions: { ssl },
    namingStrategy: PostgresNames,
    schemaGenerator: { ignoreTriggers: true, ignoreRoutines: true, ignorePolicies: true },
  });
  try {
    const fromSchema = await DatabaseSchema.create(
      orm.em.getConnection(),
      orm.em.getPlatform(),
      orm.config,
      undefined,
      ['public'],
      undefined,
      [VERSION_TABLE],
    );
    fromSchema.setViews([]);
    await nameDomains(fromSchema, orm);
    const target = orm.schema.getTargetSchema();
    for (const table of fromSchema.getTables()) {
      const wanted = target.getTable(table.name);
      if (wanted?.comment === undefined) table.comment = undefined;
      for (const column of table.getColumns()) {
        if (wanted?.getColumn(column.name)?.comment === undefined) column.comment = undefined;
      }
      table.setTriggers([]);
      table.setPolicies([]);
      table.rlsEnabled = false;
      table.rlsForced = false;
      table.setPartitioning(wanted?.getPartitioning());
      table.setIndexes(table.getIndexes().filter(({ keyName }) => !handWritten.includes(keyName)));
      table.setChecks(table.getChecks().filter(({ name }) => !handWritten.includes(name)));
    }
    // Otherwise a namespace without tables would be dropped.
    for (const side of [fromSchema, target]) side.prune(undefined, []);
    const comparator = new SchemaComparator(orm.em.getPlatform());
    const up = comparator.compare(fromSchema, target);
    const down = comparator.compare(target, fromSchema, up);
    dropInventedRenames(down, up);
    const options = { wrap: false, safe: false, dropTables: true };
    return { up: orm.schema.diffToSQL(up, options).trim(), down: orm.schema.diffToSQL(down, options).trim() };
  } finally {
    await orm.close(true);
  }
}

// MikroORM reads a domain's base type instead of the domain.
async function nameDomains(schema: DatabaseSchema, orm: MikroORM): Promise<void> {
  const columns = await orm.em.getConnection().execute<{ at: string; name: string; domain: string }[]>(
    `select table_name as at, column_name as name, domain_name as domain from information_schema.columns
     where domain_schema = 'public' and table_schema = 'public'`,
  );
  for (const { at, name, domain } of columns) {
    const column = schema.getTable(at)?.getColumn(name);
    if (column === undefined) continue;
    column.type = domain;
    column.mappedType = orm.em.getPlatform().getMappedType(domain);
  }
}

// When one new column replaces several, the upgrade drops and adds, and yet MikroORM lets the downgrade rename the new
// column to one of the old ones: its data would then stand under a name that it never had.
function dropInventedRenames(down: SchemaDifference, up: SchemaDifference): void {
  for (const [name, table] of Object.entries(down.changedTables)) {
    for (const [from, column] of Object.entries(table.renamedColumns)) {
      const old = table.fromTable.getColumn(from);
      if (old === undefined || up.changedTables[name]?.renamedColumns[column.name]?.name === from) continue;
      delete table.renamedColumns[from];
      table.removedColumns[from] = old;
      table.addedColumns[column.name] = column;
    }
  }
}

/** Names indexes and constraints as PostgreSQL itself does, so that hand-written SQL need not name any. */
class PostgresNames extends EntityCaseNamingStrategy {
  override indexName(table: string, columns: string[], type: keyof typeof SUFFIXES): string {
    return [table, ...(type === 'primary' ? [] : columns), SUFFIXES[type]].join('_');
  }
}

const SUFFIXES = {
  primary: 'pkey',
  foreign: 'fkey',
  unique: 'key',
  index: 'idx',
  sequence: 'seq',
  check: 'check',
  default: 'default',
} as const;
