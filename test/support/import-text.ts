import { importUsers } from '../../src/admin/import-users.ts';
import { readRecords } from '../../src/admin/read-records.ts';
import type { Deps } from '../../src/platform/deps.ts';
import { inPieces } from './in-pieces.ts';

/** Imports a text that comes in pieces, and answers the report with the bad rows as `line: reason`. */
export async function importText(
  deps: Deps,
  text: string,
  options: { dryRun?: boolean; createRoles?: boolean; size?: number } = {},
) {
  const reasons: string[] = [];
  const report = await importUsers(deps, readRecords(inPieces(text, options.size)), {
    dryRun: options.dryRun ?? false,
    createRoles: options.createRoles ?? false,
    onBad: (line, reason) => reasons.push(`${line}: ${reason}`),
    onUnknown: () => {},
  });
  return { ...report, reasons };
}
