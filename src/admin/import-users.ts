import { operator, recordEvent } from '../audit/record.ts';
import type { Deps } from '../platform/deps.ts';
import { wordsOf } from '../platform/start-error.ts';
import { writeBatch } from './import-batch.ts';
import { columnOf } from './import-columns.ts';
import { adviceOn, openRoles } from './import-roles.ts';
import { BadRow, type ImportRow, toImportRow } from './import-row.ts';
import type { FileRecord } from './read-records.ts';

export interface ImportOptions {
  /** Reads and checks everything, and writes nothing. */
  readonly dryRun: boolean;
  /** Makes roles that do not exist, without permissions. */
  readonly createRoles: boolean;
  /** Called for each row that is not imported, with the reason. */
  readonly onBad: (line: number, reason: string) => void;
  /** Called once for each column that an import does not know. */
  readonly onUnknown: (column: string) => void;
}

export interface ImportReport {
  readonly read: number;
  readonly made: number;
  /** Accounts whose address was here already: nothing of them was changed. */
  readonly present: number;
  readonly bad: number;
}

const BATCH = 500;
// The objects of a file may have any number of names.
const UNKNOWN_MAX = 50;

/**
 * Imports accounts with their ids, hashes and roles, so that everybody's password still works. Streams in transactions
 * of 500 rows; a bad row is reported, and the others go on. A second run, or one after a crash, leaves what is there
 * and imports the rest. An error that stops it says how far it came.
 */
export async function importUsers(
  deps: Deps,
  records: AsyncIterable<FileRecord>,
  options: ImportOptions,
): Promise<ImportReport> {
  const tally = { read: 0, made: 0, present: 0, bad: 0 };
  const bad = (line: number, reason: string) => {
    tally.bad += 1;
    options.onBad(line, reason);
  };
  const roles = await openRoles(deps, options);
  const seen = new Map<string, number>();
  const strange = new Set<string>();
  let batch: ImportRow[] = [];
  const flush = async () => {
    const { made, present } = await writeBatch(deps, batch, { dryRun: options.dryRun, bad });
    tally.made += made;
    tally.present += present;
    batch = [];
  };
  try {
    for await (const record of records) {
      tally.read += 1;
      for (const name of Object.keys(record.values)) {
        if (columnOf(name) !== null || strange.has(name) || strange.size === UNKNOWN_MAX) continue;
        strange.add(name);
        options.onUnknown(name);
      }
      try {
        const row = await toImportRow(record);
        const names = [row.key, row.usernameKey, row.id].filter(name => name !== null);
        const twin = names.map(name => seen.get(name)).find(line => line !== undefined);
        if (twin !== undefined) throw new BadRow(`the address, username or id of line ${twin} again`);
        const unknown = await roles.missing(row.roles);
        if (unknown.length > 0) throw new BadRow(`roles: ${unknown.map(adviceOn).join('; ')}`);
        for (const name of names) seen.set(name, row.line);
        batch.push(row);
      } catch (error) {
        if (!(error instanceof BadRow)) throw error;
        bad(record.line, error.message);
      }
      if (batch.length === BATCH) await flush();
    }
    if (batch.length > 0) await flush();
  } catch (error) {
    throw tally.made === 0 || options.dryRun ? error : stopped(error, tally);
  }
  if (!options.dryRun)
    await recordEvent(deps, deps.db, {
      type: 'users.imported',
      outcome: 'success',
      actor: operator,
      caller: null,
      data: { ...tally },
    });
  return tally;
}

function stopped(error: unknown, { read, made, present, bad }: ImportReport): Error {
  return new Error(
    `The import stopped after ${read} rows: ${wordsOf(error)}\n${made} taken over, which stay; ${present} here already, ${bad} bad. Run it again once the cause is gone: it goes on with the rest.`,
    { cause: error },
  );
}
