import { open as openFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { type Open, printable, withWorld } from '../platform/command-world.ts';
import type { Deps } from '../platform/deps.ts';
import { decodeUtf8 } from './decode-utf8.ts';
import { exportUsers } from './export-users.ts';
import { importUsers } from './import-users.ts';
import { type Format, readRecords } from './read-records.ts';
import { writePrivately } from './write-privately.ts';

interface ImportFlags {
  readonly dryRun: boolean;
  readonly createRoles: boolean;
  readonly format?: Format;
}

/** `users import` and `users export`. */
export function registerTransferCommands(users: Command, open: Open): void {
  users
    .command('import')
    .description(
      "imports another program's users, with their password hashes; exit 1 if a row was not imported",
    )
    .argument('<file>', 'CSV with a header, or NDJSON, in UTF-8; - for standard input')
    .option('--dry-run', 'check everything and write nothing', false)
    .option('--create-roles', 'make roles that do not exist, without permissions', false)
    .addOption(
      new Option(
        '--format <format>',
        'the format; by default the first character of the file decides',
      ).choices(['csv', 'ndjson']),
    )
    .action((file: string, { dryRun, createRoles, format }: ImportFlags) =>
      withFile(open, file, async deps => {
        const opened = file === '-' ? null : await openFile(file);
        try {
          const source = opened?.createReadStream() ?? process.stdin;
          const onBad = (line: number, reason: string) =>
            process.stderr.write(`line ${line}: ${printable(reason)}\n`);
          const records = readRecords(decodeUtf8(source), format);
          const { read, made, present, bad } = await importUsers(deps, records, {
            dryRun,
            createRoles,
            onBad,
            onUnknown: column =>
              process.stderr.write(
                `column ${printable(column)}: not taken over, as an import does not know it\n`,
              ),
          });
          if (bad > 0) process.exitCode = 1;
          return [
            `${read} rows: ${made} ${dryRun ? 'would be taken over' : 'taken over'}, ${present} here already, ${bad} bad.`,
          ];
        } finally {
          await opened?.close();
        }
      }),
    );

  users
    .command('export')
    .description('writes every account as NDJSON, with password hashes: keep the file secret')
    .argument('[file]', 'the file to write; if left out, or -, standard output')
    .action((file: string | undefined) =>
      withFile(open, file, async deps => {
        const lines = exportUsers(deps);
        if (file === undefined || file === '-')
          await pipeline(Readable.from(lines), process.stdout, { end: false });
        else await writePrivately(deps, file, lines);
        return [];
      }),
    );
}

const NOT_THAT_FILE = new Set(['EACCES', 'EISDIR', 'ENOENT', 'ENOTDIR', 'EPERM', 'EROFS']);

// The system's message names its own calls, and the partial file instead of the one that was asked for.
function withFile(
  open: Open,
  path: string | undefined,
  work: (deps: Deps) => Promise<string[]>,
): Promise<void> {
  return withWorld(open, async deps => {
    try {
      return await work(deps);
    } catch (cause) {
      const { code = '' } = cause as NodeJS.ErrnoException;
      if (path === undefined || !NOT_THAT_FILE.has(code)) throw cause;
      throw new Error(`${path} cannot be opened (${code}): check the path and its permissions.`, { cause });
    }
  });
}
