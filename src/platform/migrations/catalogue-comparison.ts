import type { Catalogue, Partition } from './catalogue.ts';

/**
 * One sentence for each difference between the live catalogue and what the revisions make, ordered by object. Partitions
 * come and go with time: an extra one is right if it is shaped like one that the revisions make, or was taken out and kept;
 * a missing one is a fault only if it is the default or covers the present moment.
 */
export function compareCatalogues(expected: Catalogue, live: Catalogue, now: Date): string[] {
  const faults: string[] = [];
  for (const [key, definition] of expected.objects) {
    if (belongsToAbsent(key, definition, live) || grantOfPartition(key, expected, live)) continue;
    const found = live.objects.get(key);
    if (found === undefined) faults.push(`${key} is missing`);
    else if (lasting(key, found) !== lasting(key, definition))
      faults.push(`${key} differs: expected ${quote(definition)}, found ${quote(found)}`);
  }
  for (const [key, definition] of live.objects) {
    if (expected.objects.has(key)) continue;
    if (belongsToAbsent(key, definition, expected) || grantOfPartition(key, expected, live)) continue;
    if (wasPartition(key, expected)) continue;
    faults.push(`${key} is not in any revision${definition === '' ? '' : `: ${quote(definition)}`}`);
  }
  return [...faults, ...partitionFaults(expected.partitions, live, now)].sort();
}

// This function returns the number of the audit trail's epoch, and each new epoch replaces it (docs/audit.md).
function lasting(key: string, definition: string): string {
  return key === 'function audit_epoch()' ? definition.replace(/select \d+/, 'select …') : definition;
}

function partitionFaults(expected: readonly Partition[], live: Catalogue, now: Date): string[] {
  const faults: string[] = [];
  for (const partition of expected) {
    const found = live.partitions.find(({ name }) => name === partition.name);
    if (found === undefined && covers(partition.bound, now)) {
      faults.push(`partition ${partition.name} of ${partition.parent} is missing (${partition.bound})`);
    } else if (found !== undefined && found.bound !== partition.bound) {
      faults.push(`partition ${partition.name} differs: expected ${partition.bound}, found ${found.bound}`);
    }
  }
  for (const partition of live.partitions) {
    const like = expected.filter(({ parent }) => parent === partition.parent);
    if (like.length > 0 && !like.some(({ shape }) => shape === partition.shape)) {
      faults.push(
        `partition ${partition.name} is shaped unlike its parent: ${unlike(like[0]?.shape, partition.shape)}`,
      );
    }
  }
  // Rows are to be reached through the parent alone: a right on a partition would be a way around it.
  const names = new Set(live.partitions.map(({ name }) => name));
  for (const [key, list] of live.objects) {
    const [, name, role] = /^grant (\S+) to (.+)$/.exec(key) ?? [];
    if (name !== undefined && names.has(name) && role !== 'its owner') faults.push(`${key}: ${list}`);
  }
  return faults;
}

// A table that only one side has is reported once, not again for each of its columns.
function belongsToAbsent(key: string, definition: string, other: Catalogue): boolean {
  const table =
    /^(?:column|constraint|partitioning|trigger|policy|rule|comment) ([^.]+)/.exec(key)?.[1] ??
    /^grant (\w+)(?:\.\w+)? to /.exec(key)?.[1] ??
    (key.startsWith('index ') ? / ON (?:ONLY )?(\S+) /.exec(definition)?.[1] : undefined);
  return (
    table !== undefined &&
    !['table', 'view', 'materialized view', 'sequence'].some(kind => other.objects.has(`${kind} ${table}`))
  );
}

function grantOfPartition(key: string, ...catalogues: Catalogue[]): boolean {
  const name = /^grant (\S+) to /.exec(key)?.[1];
  return catalogues.some(({ partitions }) => partitions.some(partition => partition.name === name));
}

// Retention takes months out of the audit trail and may keep each as a table of its own (docs/audit.md).
function wasPartition(key: string, { partitions }: Catalogue): boolean {
  const family = (name: string) => name.replace(/_\d{6}$/, '#');
  return /_\d{6}$/.test(key) && partitions.some(({ name }) => `table ${family(name)}` === family(key));
}

function covers(bound: string, now: Date): boolean {
  const [, from, to] = /^FOR VALUES FROM \('([^']+)'\) TO \('([^']+)'\)$/.exec(bound) ?? [];
  if (from === undefined || to === undefined) return true;
  return new Date(from) <= now && now < new Date(to);
}

function unlike(expected: string | undefined, found: string): string {
  const [wanted, has] = [new Set(expected?.split('\n')), new Set(found.split('\n'))];
  const missing = [...wanted].filter(line => !has.has(line)).map(line => `lacks ${quote(line)}`);
  const extra = [...has].filter(line => !wanted.has(line)).map(line => `has ${quote(line)}`);
  return [...missing, ...extra].join(', ');
}

const quote = (text: string) => `"${text.replaceAll(/\s+/g, ' ').trim()}"`;
