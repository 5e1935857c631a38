import { writeFile } from 'node:fs/promises';
import { MigrationError } from './migration-error.ts';
import { REVISIONS_FOLDER, type Revision } from './revisions.ts';

export interface NewRevision {
  readonly message: string;
  readonly up: string;
  readonly down: string;
}

/**
 * Writes the two files of a new revision, which follows all existing ones and is named by the time (UTC) and the message's
 * words. Returns its id.
 */
export async function writeRevision(
  { message, up, down }: NewRevision,
  { revisions, now, folder = REVISIONS_FOLDER }: { revisions: readonly Revision[]; now: Date; folder?: URL },
): Promise<string> {
  const slug = message
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 60)
    .replaceAll(/^_+|_+$/g, '');
  if (slug === '')
    throw new MigrationError('The message of a revision needs a word: -m "describe your changes"');
  const id = `${stampAfter(revisions.at(-1)?.id, now)}_${slug}`;
  const header = `-- ${message.replaceAll(/\s+/g, ' ').trim()}\n`;
  await writeFile(new URL(`${id}.up.sql`, folder), `${header}${up}\n`, { flag: 'wx' });
  await writeFile(new URL(`${id}.down.sql`, folder), `${header}${down}\n`, { flag: 'wx' });
  return id;
}

// A new revision always sorts after the last one, whatever the clock of the machine that wrote the last one.
function stampAfter(last: string | undefined, now: Date): string {
  const stamp = now.toISOString().replaceAll(/\D/g, '').slice(0, 14);
  if (last === undefined || stamp > last.slice(0, 14)) return stamp;
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(last) ?? [];
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts.map(Number);
  const next = new Date(Date.UTC(year, month - 1, day, hour, minute, second + 1));
  return next.toISOString().replaceAll(/\D/g, '').slice(0, 14);
}

/**
 * What a person should look at before committing generated SQL: lost data, renamed columns, and what existing rows may
 * forbid.
 */
export function cautions({ up, down }: Pick<NewRevision, 'up' | 'down'>): string[] {
  const found: string[] = [];
  for (const [, table, from, to] of up.matchAll(
    /alter table "([^"]+)" rename column "([^"]+)" to "([^"]+)"/g,
  )) {
    found.push(
      `detected that ${table}.${from} was renamed to ${to}: if it is another column, write a drop and an add, in both files`,
    );
  }
  for (const [, table] of up.matchAll(/drop table (?:if exists )?"([^"]+)"/g))
    found.push(`drops the table ${table} and its rows`);
  for (const [, table, rest = ''] of up.matchAll(/alter table "([^"]+)" ([^;]*)/g)) {
    for (const [, column] of rest.matchAll(/drop column "([^"]+)"/g))
      found.push(`drops the column ${table}.${column} and its data`);
  }
  const fails = 'is not null and has no default: this fails on a table that has rows';
  return [
    ...found,
    ...impossible(up).map(column => `${column} ${fails}`),
    ...impossible(down).map(column => `the downgrade adds ${column} again, which ${fails}`),
    ...demands(up),
    ...demands(down).map(demand => `the downgrade: ${demand}`),
  ];
}

// New demands on existing rows: a null, a duplicate, a value of another type, or one that a check refuses makes the
// statement fail.
function demands(sql: string): string[] {
  const own = sql.replaceAll(/create table [^;]*;/g, '');
  const made = new Set([...sql.matchAll(/create table "([^"]+)"/g)].map(([, table]) => table));
  const found: (string | [])[] = [];
  const demand = (pattern: RegExp, words: (...parts: string[]) => string | null) => {
    for (const [, table = '', ...parts] of own.matchAll(pattern))
      if (!made.has(table)) found.push(words(table, ...parts) ?? []);
  };
  demand(
    /alter table "([^"]+)" alter column "([^"]+)" set not null/g,
    (table, column) => `${table}.${column} becomes not null: this fails where a row has none`,
  );
  demand(
    /alter table "([^"]+)" alter column "([^"]+)" type (.+?) using/g,
    (table, column, type) => `${table}.${column} becomes ${type}: this fails where a value cannot be one`,
  );
  demand(
    /alter table "([^"]+)" add constraint "[^"]+" unique \(([^)]*)\)/g,
    (table, columns) =>
      `${table} becomes unique by ${columns.replaceAll('"', '')}: this fails where two rows are alike`,
  );
  demand(
    /alter table "([^"]+)" add constraint "([^"]+)" check /g,
    (table, check) => `${table} is held to ${check}: this fails where a row breaks it`,
  );
  demand(
    /alter table "([^"]+)" add primary key \(([^)]*)\)/g,
    (table, columns) =>
      `${table} becomes unique by ${columns.replaceAll('"', '')}: this fails where two rows are alike, or one has none`,
  );
  // A new column is null in every existing row.
  const isNew = (table: string, column: string) =>
    [...own.matchAll(/alter table "([^"]+)" (add [^;]*)/g)].some(
      ([, changed, rest = '']) => changed === table && rest.includes(`add "${column}" `),
    );
  demand(
    /alter table "([^"]+)" add constraint "[^"]+" foreign key \("([^"]+)"(?:, [^)]*)?\) references "([^"]+)"/g,
    (table, column, other) =>
      isNew(table, column)
        ? null
        : `${table}.${column} names rows of ${other}: this fails where one names none that is there`,
  );
  // Written as by an entity, or in capitals as by PostgreSQL. The lookahead captures the table first, as the patterns above do.
  demand(
    /create unique index (?="?[^"(]+"? on "?([^"\s(]+))"?([^"\s]+)/gi,
    (table, index) => `${table} becomes unique by the index ${index}: this fails where two rows are alike`,
  );
  return found.flat();
}

// A downgrade that drops what the upgrade added serves its purpose; one that cannot run does not.
function impossible(sql: string): string[] {
  return [...sql.matchAll(/alter table "([^"]+)" ([^;]*)/g)].flatMap(([, table, rest = '']) =>
    [...rest.matchAll(/\badd "([^"]+)" ([^,]*)/g)]
      .filter(([, , definition = '']) => / not null/.test(definition) && !/ default /.test(definition))
      .map(([, column]) => `${table}.${column}`),
  );
}
