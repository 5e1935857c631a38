import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import { StartError } from '../start-error.ts';
import type { Binaries } from './binaries.ts';
import { type Folders, writeOwned } from './folders.ts';

/** The role of the service, which owns its database and nothing else, and the superuser, for the operator's tools. */
export const ROLE = 'entrecore_auth';
export const SUPERUSER = 'postgres';
export const DATABASE = 'entrecore_auth';

// Written to postgresql.conf, where an operator may change them later. The log must not carry personal data, so no DETAIL
// and no statements.
const SETTINGS: Readonly<Record<string, string>> = {
  max_connections: '100',
  shared_buffers: '128MB',
  max_wal_size: '512MB',
  jit: 'off',
  io_method: 'sync',
  max_logical_replication_workers: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  logging_collector: 'on',
  log_directory: '../log',
  log_filename: 'postgresql-%a.log',
  log_file_mode: '0600',
  log_truncate_on_rotation: 'on',
  log_rotation_age: '1d',
  log_rotation_size: '0',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
};

/**
 * Makes the cluster, its role and its database if there are none yet, and returns the password. All of it is made in a
 * folder beside, which is renamed at the end: a crash leaves a whole cluster or none. Refuses a cluster of another major
 * version.
 */
export async function ensureCluster(
  folders: Folders,
  binaries: Binaries,
  durable: boolean,
  log: Log,
): Promise<string> {
  const { cluster, account } = folders;
  removeHalves(folders);
  if (existsSync(cluster)) {
    refuseOtherMajor(cluster, binaries.major);
    const kept = existsSync(folders.password) ? readFileSync(folders.password, 'utf8').trim() : '';
    if (kept !== '') return kept;
    throw new StartError(
      `The password of the embedded PostgreSQL, ${folders.password}, is missing or empty. Restore it from a backup.`,
    );
  }
  log.info(`Making the embedded PostgreSQL ${binaries.major} in ${folders.root}`);
  const password = randomBytes(24).toString('base64url');
  const half = join(folders.root, `${HALF}-${randomBytes(4).toString('hex')}`);
  rmSync(folders.password, { force: true });
  writeOwned(folders.password, password, account);

  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const run = (program: string, args: string[], input = '') =>
    runToEnd(program, args, input, folders, binaries);
  await run(binaries.initdb, [
    `--pgdata=${half}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${folders.password}`,
    '--auth=scram-sha-256',
    '--data-checksums',
    '--encoding=UTF8',
    '--locale=C',
    // Built into PostgreSQL: an upgrade of the operating system cannot change the order of an index.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    ...(durable ? [] : ['--no-sync']),
    ...settings,
  ]);
  await run(
    binaries.postgres,
    [
      '--single',
      '-D',
      half,
      '-c',
      'logging_collector=off',
      ...(durable ? [] : ['-c', 'fsync=off']),
      SUPERUSER,
    ],
    `create role ${ROLE} login createdb password '${password}'\ncreate database ${DATABASE} owner ${ROLE}\n`,
  );
  renameSync(half, cluster);
  syncFolder(folders.root);
  return password;
}

const HALF = 'cluster.new';

// Removes what killed processes had begun. Their initdb may outlive them by a moment and go on writing into a folder of its
// own, which is then left to the next start.
function removeHalves({ root }: Folders): void {
  for (const name of readdirSync(root).filter(each => each.startsWith(HALF))) {
    try {
      rmSync(join(root, name), { recursive: true, force: true });
    } catch {}
  }
}

function refuseOtherMajor(cluster: string, major: string): void {
  if (!existsSync(join(cluster, 'PG_VERSION'))) {
    throw new StartError(
      `${cluster} is damaged or cannot be read: it shows no PG_VERSION. Give it to the user that runs the service, restore it from a backup, or set DATA_DIR to a new folder. Nothing was changed.`,
    );
  }
  const found = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim();
  if (found === major) return;
  throw new StartError(
    `${cluster} was made by PostgreSQL ${found}, and this release brings PostgreSQL ${major}, which cannot read it. ` +
      `Start the release that made it, move the data with pg_dump and psql of PostgreSQL ${major}, or set DATA_DIR to a new folder. Nothing was changed.`,
  );
}

const NAMELESS =
  'The embedded PostgreSQL cannot be made by a user who is not in /etc/passwd. Start as a user with a name, or set DATABASE_URL to a PostgreSQL server.';

function runToEnd(
  program: string,
  args: string[],
  input: string,
  { root, account }: Folders,
  { env }: Binaries,
) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(program, args, { cwd: root, env, stdio: ['pipe', 'ignore', 'pipe'], ...account });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  child.on('error', error => reject(asMissingLoader(error, program)));
  child.on('close', code => {
    // A single-user server reports a failed statement, yet ends with code 0.
    if (code === 0 && !/(ERROR|FATAL|PANIC):/.test(said)) resolve();
    else if (said.includes('could not look up effective user ID')) reject(new StartError(NAMELESS));
    else {
      reject(
        new StartError(
          `The embedded PostgreSQL cannot be made: ${program} ended (${code}): ${said.trim()}\n` +
            `Look after the owner, the mode and the free space of ${root} (60 MB to begin with), or set DATA_DIR to another folder.`,
        ),
      );
    }
  });
  return promise;
}

/** A program that exists and yet fails with `ENOENT` lacks its loader: the packages are built for glibc. */
export function asMissingLoader(error: Error, program: string): Error {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !existsSync(program)) return error;
  return new StartError(
    'The embedded PostgreSQL needs the GNU C library, which this system (Alpine?) lacks. Set DATABASE_URL to a PostgreSQL server.',
    { cause: error },
  );
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
