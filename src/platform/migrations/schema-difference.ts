// What the schema in code has that no revision carries. For development alone: production never loads MikroORM.
import pg from 'pg';
import { type Catalogue, readCatalogue } from './catalogue.ts';
import { compareCatalogues } from './catalogue-comparison.ts';
import { type Difference, differenceOf, type SchemaInCode } from './difference.ts';
import { MigrationError } from './migration-error.ts';
import type { Revision } from './revisions.ts';
import { type ScratchOptions, withScratchDatabase } from './scratch-database.ts';

export interface SchemaDifference extends Difference {
  /** What the statements cannot bring about, or cannot take back: SQL that a person has to write. */
  readonly byHand: readonly string[];
}

/**
 * Builds the revisions in a scratch database and returns the SQL that leads from there to the schema in code, and back.
 * Both have been run: what they leave undone is listed in `byHand`. All are empty if nothing differs.
 */
export async function schemaDifference(
  { revisions, ...scratch }: ScratchOptions & { readonly revisions: readonly Revision[] },
  schema: SchemaInCode,
): Promise<SchemaDifference> {
  return withScratchDatabase(scratch, async (client, made) => {
    await build(client, revisions);
    // The tables are made anew from the code alone; hand-written functions stay, since defaults may call them.
    await client.query(DROP_TABLES);
    await run(client, (await differenceOf(made, schema)).up, 'The schema in code cannot be built');
    const wanted = statedIn(await readCatalogue(client), schema);
    await client.query('drop schema public cascade; create schema public');
    await build(client, revisions);
    const found = await readCatalogue(client);
    const before = statedIn(found, schema);
    const statements = await differenceOf(made, schema);
    await run(client, statements.up, BY_HAND);
    const indexes = indexDifference(statedIn(await readCatalogue(client), schema), wanted);
    await run(client, indexes.up, BY_HAND);
    const upgraded = await readCatalogue(client);
    const after = statedIn(upgraded, schema);
    const up = join(statements.up, indexes.up);
    const down = join(indexes.down, statements.down);
    const failure = await client.query(down).then(
      () => [],
      (error: Error) => [`downgrade: ${error.message}`],
    );
    const downgraded = await readCatalogue(client);
    const back = statedIn(downgraded, schema);
    const { rows } = await client.query<{ now: Date }>('select now()');
    const [{ now }] = rows as [(typeof rows)[0]];
    return {
      up,
      down,
      byHand: [
        ...failure,
        ...apart(after, wanted).map(what => `upgrade: ${what}`),
        ...droppedAsWell(compareCatalogues(found, upgraded, now)).map(what => `upgrade: ${what}`),
        ...apart(back, before).map(what => `downgrade: ${what}`),
        ...compareCatalogues(found, downgraded, now)
          .filter(fault => !STATED.test(fault))
          .map(fault => `downgrade: ${fault}`),
      ],
    };
  });
}

const DROP_TABLES = `do $$ declare name text; begin
  for name in select oid::regclass from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
  loop execute 'drop table ' || name || ' cascade'; end loop;
end $$`;

async function build(client: pg.Client, revisions: readonly Revision[]): Promise<void> {
  for (const { id, up } of revisions) await run(client, up, `Revision ${id} cannot be built`);
}

const BY_HAND =
  'No statements that can be generated lead from the last revision to the schema in code; write that revision by hand ("revision" without --autogenerate)';

// Whoever writes a revision or an entity can mend what PostgreSQL refuses, if told where it stands.
async function run(client: pg.Client, statements: string, otherwise: string): Promise<void> {
  await client.query(statements).catch((cause: unknown) => {
    if (!(cause instanceof pg.DatabaseError)) throw cause;
    const at = Number(cause.position ?? 0);
    const line = statements.slice(0, at).split('\n').length - 1;
    const where = at === 0 ? '' : `, in: ${statements.split('\n')[line]?.trim()}`;
    throw new MigrationError(`${otherwise}: ${cause.message}${where}`, { cause });
  });
}

const STATED = /^(column|constraint|index|partitioning) /;

// Dropping a table also drops its dependents, which no statement names: a view of it, or whatever uses its type.
function droppedAsWell(faults: readonly string[]): string[] {
  return faults.flatMap(fault => {
    const [, what] =
      /^((?:(?:materialized )?view|function|trigger|policy|rule|type) .+) is missing$/.exec(fault) ?? [];
    return what === undefined ? [] : [`${what} is dropped as well`];
  });
}

/** Columns, constraints, indexes and how tables are partitioned: what entities state. The rest of a catalogue is hand-written SQL. */
function statedIn({ objects }: Catalogue, { handWritten }: SchemaInCode): Map<string, string> {
  const stated = [...objects].filter(([key]) => STATED.test(key));
  return new Map(stated.filter(([key]) => !handWritten.includes(key.replace(/^\w+ (.*\.)?/, ''))));
}

// MikroORM does not compare the text of an expression index, so the catalogues are compared here.
function indexDifference(from: Map<string, string>, to: Map<string, string>): Difference {
  const up: string[] = [];
  const down: string[] = [];
  for (const [key, definition] of to) {
    const old = from.get(key);
    if (!key.startsWith('index ') || old === undefined || old === definition) continue;
    const drop = `drop index ${pg.escapeIdentifier(key.slice('index '.length))};`;
    up.push(drop, `${definition};`);
    down.push(drop, `${old};`);
  }
  return { up: up.join('\n'), down: down.join('\n') };
}

function apart(found: Map<string, string>, wanted: Map<string, string>): string[] {
  const missing = [...wanted].filter(([key, text]) => found.get(key) !== text);
  const extra = [...found].filter(([key]) => !wanted.has(key));
  return [
    ...missing.map(([key, text]) => `${key} should be "${text}", and is ${said(found.get(key))}`),
    ...extra.map(([key, text]) => `${key} should not be there, and is "${text}"`),
  ];
}

const said = (text: string | undefined) => (text === undefined ? 'not there' : `"${text}"`);
const join = (...parts: string[]) => parts.filter(part => part !== '').join('\n\n');
