import type { ClientBase } from 'pg';
import { VERSION_TABLE } from './applied.ts';
import { catalogueQueries } from './catalogue-queries.ts';

/** What a schema holds, in PostgreSQL's own words: each object's name with its definition. */
export interface Catalogue {
  readonly objects: ReadonlyMap<string, string>;
  readonly partitions: readonly Partition[];
}

export interface Partition {
  readonly name: string;
  readonly parent: string;
  /** `DEFAULT`, or `FOR VALUES …`. */
  readonly bound: string;
  /** Its columns, constraints, indexes and triggers, without their names. */
  readonly shape: string;
}

/**
 * Reads the catalogue of the first schema on the search path, without that schema's name, so that two schemas can be
 * compared.
 */
export async function readCatalogue(client: ClientBase): Promise<Catalogue> {
  const { rows } = await client.query<{ schema: string }>('select current_schema() as schema');
  const schema = rows[0]?.schema ?? 'public';
  const plain = (text: string) =>
    text
      .replaceAll(`"${schema}".`, '')
      .replaceAll(`${schema}.`, '')
      .replaceAll(`'${schema}'`, "'public'")
      .replaceAll(`"${schema}"`, 'public');
  const objects = new Map<string, string>();
  for (const query of catalogueQueries) {
    const found = await client.query<{ key: string; value: string | null }>(query, [schema, VERSION_TABLE]);
    for (const { key, value } of found.rows) objects.set(plain(key), plain(value ?? ''));
  }
  const partitions: Partition[] = [];
  for (const [key, shape] of objects) {
    const [, name, parent, bound] = /^partition (\S+) of (\S+) (.+)$/.exec(key) ?? [];
    if (name === undefined || parent === undefined || bound === undefined) continue;
    objects.delete(key);
    partitions.push({ name, parent, bound, shape });
  }
  return { objects, partitions };
}
