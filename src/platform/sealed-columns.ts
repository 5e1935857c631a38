import type { Sql } from './database.ts';
import type { Deps } from './deps.ts';
import { Fragment, sql } from './sql.ts';
import { StartError } from './start-error.ts';

/**
 * Every column that holds values of `secrets.seal`. Each value is sealed for the context `table:key`, so that it does not open
 * once it is moved to another row. Audit events are not among them: their keys cannot be made without the trail's key, which is.
 */
export const sealedColumns = [
  { table: 'signing_keys', key: 'kid', type: 'text', column: 'private_key_sealed' },
  { table: 'audit_keys', key: 'user_id', type: 'uuid', column: 'key_sealed' },
  { table: 'audit_signing_keys', key: 'name', type: 'text', column: 'private_key_sealed' },
  { table: 'factors', key: 'id', type: 'uuid', column: 'secret_sealed' },
  { table: 'sessions', key: 'id', type: 'uuid', column: 'seed_sealed' },
  { table: 'outbox', key: 'id', type: 'uuid', column: 'secrets_sealed' },
] as const;

type SealedColumn = (typeof sealedColumns)[number];

/** A stored secret that no configured root opens: told to the operator without a stack. */
export class SealedError extends StartError {}

/** How many values of a column each kind of root holds. */
export interface SealedCount {
  readonly table: string;
  readonly column: string;
  readonly present: number;
  /** Under a root of AUTH_ROOT_SECRET_PREVIOUS: `keys rewrap` moves them. */
  readonly previous: number;
  /** Under a root that is not configured: these cannot be opened. */
  readonly unknown: number;
}

/** Counts the sealed values of each column by root. Reads whole tables. */
export function countSealed({ db, secrets }: Pick<Deps, 'db' | 'secrets'>): Promise<SealedCount[]> {
  const [present, ...previous] = secrets.rootIds;
  return Promise.all(
    sealedColumns.map(async sealed => {
      const { table, key, column } = namesOf(sealed);
      const row = await db.row<{ present: number; previous: number; unknown: number }>(sql`
        select count(*) filter (where root = ${present}::bytea) as present,
          count(*) filter (where root = any(${previous}::bytea[])) as previous,
          count(*) filter (where root <> all(${[...secrets.rootIds]}::bytea[])) as unknown
        from (select substring(${column} from 2 for 4) as root, ${key} from ${table} where length(${column}) > 0) sealed`);
      const counts = row ?? { present: 0, previous: 0, unknown: 0 };
      return { table: sealed.table, column: sealed.column, ...counts };
    }),
  );
}

/**
 * The places, as `table.column`, where something is sealed under a root that is none of these; with no root, where anything is
 * sealed. It looks at a few rows of each table, so that a start stays quick; `config check` counts all.
 */
export async function sealedOutside(db: Sql, rootIds: readonly Buffer[]): Promise<string[]> {
  const few = sealedColumns.map(sealed => {
    const { table, column } = namesOf(sealed);
    const place = `${sealed.table}.${sealed.column}`;
    return sql`(select ${place}::text as place, ${column} as value from ${table} where ${column} is not null and length(${column}) > 0 limit 50)`;
  });
  // One statement, since at a start each of several would wait for a connection of its own.
  const found = await db.rows<{ place: string }>(sql`
    select distinct place from (${few.reduce((all, next) => sql`${all} union all ${next}`)}) as few
    where substring(value from 2 for 4) <> all(${[...rootIds]}::bytea[])
    order by place`);
  return found.map(({ place }) => place);
}

/**
 * Throws, with what to do, when a stored secret was sealed under a root that is not configured. `given` is false where
 * AUTH_ROOT_SECRET is not set and a generated root stands in for it.
 */
export async function refuseLostRoot(
  { db, secrets }: Pick<Deps, 'db' | 'secrets'>,
  given: boolean,
): Promise<void> {
  const lost = await sealedOutside(db, secrets.rootIds);
  if (lost.length === 0) return;
  throw new SealedError(
    given
      ? `AUTH_ROOT_SECRET is not the one that stored secrets were sealed under (${lost.join(', ')}). ` +
          'Put the former value into AUTH_ROOT_SECRET_PREVIOUS.'
      : 'AUTH_ROOT_SECRET is missing: it is not set, and the root secret that was made here once is not the one that ' +
          `stored secrets were sealed under (${lost.join(', ')}). Set it to the value that the service runs with.`,
  );
}

const BATCH = 500;

/** What a rewrap did with one column. `failed` are the keys of rows that did not open. */
export interface Rewrapped {
  readonly table: string;
  readonly column: string;
  readonly rewrapped: number;
  readonly failed: readonly string[];
}

/** Seals everything anew under the present root, a batch at a time, beside a running service. May be run again. */
export async function rewrapSealed(deps: Pick<Deps, 'db' | 'secrets'>): Promise<Rewrapped[]> {
  const results: Rewrapped[] = [];
  for (const sealed of sealedColumns) results.push(await rewrapColumn(deps, sealed));
  return results;
}

async function rewrapColumn(
  { db, secrets }: Pick<Deps, 'db' | 'secrets'>,
  sealed: SealedColumn,
): Promise<Rewrapped> {
  const failed: string[] = [];
  let rewrapped = 0;
  let after: string | null = null;
  for (;;) {
    const rows: SealedRow[] = await staleRows(db, sealed, { present: secrets.rootIds[0] as Buffer, after });
    const fresh = rows.flatMap(({ id, value }) => {
      const context = `${sealed.table}:${id}`;
      try {
        return [{ id, value, sealed: secrets.seal(context, secrets.open(context, value)) }];
      } catch {
        failed.push(id);
        return [];
      }
    });
    rewrapped += await replaceValues(db, sealed, fresh);
    after = rows.at(-1)?.id ?? null;
    if (after === null || rows.length < BATCH) {
      return { table: sealed.table, column: sealed.column, rewrapped, failed };
    }
  }
}

interface SealedRow {
  readonly id: string;
  readonly value: Buffer;
}

function staleRows(
  db: Sql,
  sealed: SealedColumn,
  { present, after }: { present: Buffer; after: string | null },
): Promise<SealedRow[]> {
  const { table, key, type, column } = namesOf(sealed);
  const rest = after === null ? sql`` : sql`and ${key} > ${after}::${type}`;
  // `t.` is needed: where the key is called `id`, `id` alone would be the returned text, and no index is in the order of that.
  return db.rows(sql`
    select ${key}::text as id, ${column} as value from ${table} t
    where length(${column}) > 0 and substring(${column} from 2 for 4) <> ${present}::bytea ${rest}
    order by t.${key} limit ${BATCH}::int`);
}

// Only where the value is still the one that was read: a running service may have written a newer one since.
function replaceValues(
  db: Sql,
  sealed: SealedColumn,
  rows: readonly (SealedRow & { readonly sealed: Buffer })[],
): Promise<number> {
  if (rows.length === 0) return Promise.resolve(0);
  const { table, key, type, column } = namesOf(sealed);
  return db.run(sql`
    update ${table} t set ${column} = fresh.sealed
    from unnest(${rows.map(({ id }) => id)}::text[], ${rows.map(({ value }) => value)}::bytea[],
      ${rows.map(row => row.sealed)}::bytea[]) as fresh (id, value, sealed)
    where t.${key} = fresh.id::${type} and t.${column} = fresh.value`);
}

// Names cannot be parameters; these are constants of this file.
function namesOf({ table, key, type, column }: SealedColumn) {
  const name = (text: string) => new Fragment([text], []);
  return { table: name(table), key: name(key), type: name(type), column: name(column) };
}
