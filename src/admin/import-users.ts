import { importAccounts } from '../accounts/import.ts';
import { operator, recordEvent, recordEvents } from '../audit/record.ts';
import { importPasswords } from '../passwords/set.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { createRole } from '../rbac/create-role.ts';
import { existingRoles, grantMany } from '../rbac/grant-many.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { ROLE_NAME } from '../rbac/role.ts';
import { BadRow, type ImportRow, toImportRow } from './import-row.ts';
import type { FileRecord } from './read-records.ts';

export interface ImportOptions {
  /** Reads and checks everything, and writes nothing. */
  readonly dryRun: boolean;
  /** Makes the roles that nobody made, without permissions. */
  readonly createRoles: boolean;
  /** Called for each row that is not taken over, with the reason. */
  readonly onBad: (line: number, reason: string) => void;
}

export interface ImportReport {
  readonly read: number;
  readonly made: number;
  /** Accounts whose address is here already: nothing of them was changed. */
  readonly present: number;
  readonly bad: number;
}

const BATCH = 500;

/**
 * Takes over accounts with their ids, hashes and roles, so that everybody's password still works. Streams, in
 * transactions of 500, each row for itself: a bad one is reported and the others go on. A second run, or one after a
 * crash, finds what is there and goes on with the rest. What stops it is thrown with how far it came.
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
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(
    `The import stopped after ${read} rows: ${reason}\n${made} taken over, which stay; ${present} here already, ${bad} bad. Run it again once the cause is gone: it goes on with the rest.`,
    { cause: error },
  );
}

const ROLE = new RegExp(ROLE_NAME);

function adviceOn(role: string): string {
  return ROLE.test(role)
    ? `nobody made ${role} (--create-roles makes it)`
    : `"${role}" can be no role: a-z, 0-9, _ and -, a letter first; write several with commas between them`;
}

async function openRoles(deps: Deps, { createRoles, dryRun }: ImportOptions) {
  const known = new Set(await existingRoles(deps.db));
  const granter = await operatorGranter(deps.db);
  return {
    /** Those of `names` that do not exist, after making them where that is wanted. */
    async missing(names: readonly string[]): Promise<string[]> {
      const unknown = names.filter(name => !known.has(name));
      if (!createRoles) return unknown;
      const refused: string[] = [];
      for (const name of unknown) {
        if (!ROLE.test(name)) refused.push(name);
        else {
          const role = { name, description: 'From an import', permissions: [], mfaRequired: false };
          if (!dryRun) await createRole(deps, granter, role);
          known.add(name);
        }
      }
      return refused;
    },
  };
}

/** Undoes a batch that was only tried. */
class Undo extends Error {}

async function writeBatch(
  deps: Deps,
  rows: readonly ImportRow[],
  { dryRun, bad }: { dryRun: boolean; bad: (line: number, reason: string) => void },
): Promise<{ made: number; present: number }> {
  let tried: Awaited<ReturnType<typeof writeRows>> | undefined;
  const outcome = await deps.db
    .transaction(async tx => {
      tried = await writeRows(deps, tx, rows);
      if (dryRun) throw new Undo();
      return tried;
    })
    .catch((error: unknown) => {
      if (error instanceof Undo && tried !== undefined) return tried;
      throw error;
    });
  for (const { line, reason } of outcome.bad) bad(line, reason);
  return outcome;
}

async function writeRows(deps: Deps, tx: Tx, rows: readonly ImportRow[]) {
  const now = deps.clock.now();
  const accounts = rows.map(row => ({ ...row, id: row.id ?? deps.random.uuid(), fileId: row.id }));
  const outcome = await importAccounts(tx, accounts, now);
  const made = accounts.filter(({ id }) => outcome.get(id)?.kind === 'made');
  await importPasswords(
    tx,
    made.flatMap(({ id, hash }) => (hash === null ? [] : [{ userId: id, hash }])),
    now,
  );
  await grantMany(
    tx,
    made.flatMap(({ id, roles }) => roles.map(role => ({ userId: id, role }))),
    now,
  );
  await recordEvents(
    deps,
    tx,
    made.map(({ id }) => ({
      type: 'user.imported',
      outcome: 'success',
      actor: operator,
      userId: id,
      caller: null,
    })),
  );
  const bad: { line: number; reason: string }[] = [];
  let present = 0;
  for (const { id, fileId, line } of accounts) {
    const result = outcome.get(id);
    if (result?.kind === 'username_taken') bad.push({ line, reason: 'username: taken by another account' });
    else if (result?.kind === 'id_taken') bad.push({ line, reason: 'id: another account has it' });
    else if (result?.kind === 'address_kept')
      bad.push({
        line,
        reason: `email: the former address of the account ${result.userId}, kept for its owner for 72 hours`,
      });
    else if (result?.kind === 'present') {
      if (fileId === null || fileId === result.userId) present += 1;
      else bad.push({ line, reason: `email: taken by the account ${result.userId}` });
    }
  }
  return { made: made.length, present, bad };
}
