import {
  chmodSync,
  closeSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Log } from '../log.ts';
import { StartError } from '../start-error.ts';
import { type Account, canReach, serverAccount } from './account.ts';

/** Where root keeps what the unprivileged account could not reach in its original place. */
export const STAGE = '/var/lib/entrecore-auth';

export interface Folders {
  /** Holds everything of the database; its mode is 0700, its owner the account that runs the database. */
  readonly root: string;
  readonly cluster: string;
  readonly account: Account | null;
  /** Held for a moment by whoever starts or stops the server. */
  readonly gate: string;
  /** Held shared by every process that uses the server. */
  readonly holders: string;
  /** Says in which PID namespace the holders live. */
  readonly namespace: string;
  readonly password: string;
}

/** Makes and verifies `pg/` under the data folder, for the account that will run the server. */
export function prepareFolders(dataDir: string, log: Log): Folders {
  // Root's data folder must let the unprivileged account through to pg/; the secrets beside it are 0600.
  const asRoot = process.getuid?.() === 0;
  const made = mkdirSync(dataDir, { recursive: true, mode: asRoot ? 0o711 : 0o700 });
  // Regardless of the umask.
  if (made !== undefined && asRoot) chmodSync(dataDir, 0o711);
  const link = join(realpathSync(dataDir), 'pg');
  const account = serverAccount(link);
  const root = linkedFolder(link) ?? (account === null ? link : placeForAccount(link, account, log));
  refuseLongPath(root);
  ownFolder(root, account);
  const folders: Folders = {
    root: realpathSync(root),
    cluster: join(realpathSync(root), 'cluster'),
    account,
    gate: join(realpathSync(root), 'gate.lock'),
    holders: join(realpathSync(root), 'holders.lock'),
    namespace: join(realpathSync(root), 'namespace'),
    password: join(realpathSync(root), 'password'),
  };
  ownFolder(join(folders.root, 'log'), account);
  ownFile(folders.gate, account);
  ownFile(folders.holders, account);
  return folders;
}

// SQLite allows a path of 512 bytes, with the name of the lock file and its own suffixes; PostgreSQL allows 1024.
const MOST_BYTES = 450;

function refuseLongPath(root: string): void {
  const bytes = Buffer.byteLength(root);
  if (bytes <= MOST_BYTES) return;
  throw new StartError(
    `DATA_DIR: ${root} has a path of ${bytes} bytes, and the embedded PostgreSQL takes ${MOST_BYTES} at most. Set DATA_DIR to a folder nearer to the root.`,
  );
}

// The path of a Unix socket may have some 104 bytes, of which PostgreSQL's file name takes 15.
const SOCKET_FOLDER_BYTES = 85;

/** The name of the socket's folder where it is beside the cluster. */
export const BESIDE = 'run';

/** The server's private socket folder: beside the cluster or, if that path is too long, `before` (the last one) or a new one. */
export function socketFolder({ root, account }: Folders, before: string | undefined): string {
  const beside = join(root, BESIDE);
  if (Buffer.byteLength(beside) <= SOCKET_FOLDER_BYTES) return ownFolder(beside, account);
  if (before !== undefined && isOwn(before, account)) return before;
  const base = Buffer.byteLength(tmpdir()) <= 40 ? tmpdir() : '/tmp';
  return ownFolder(mkdtempSync(join(realpathSync(base), 'entrecore-auth-')), account);
}

/** Makes sure that the folder exists, is 0700 and belongs to the account. Refuses a link, and a folder of somebody else's. */
export function ownFolder(path: string, account: Account | null): string {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700, recursive: true });
  const found = lstatSync(path);
  const us = process.getuid?.();
  const owner = account?.uid ?? us;
  if (!found.isDirectory()) throw new StartError(`${path} must be a folder.`);
  if (found.uid !== owner && found.uid !== us) {
    throw new StartError(
      `${path} belongs to user ${found.uid}, because another user started the service on this folder before. ` +
        'Start it as that user (or as root), give the folder to the present user with chown -R, or set DATA_DIR to another folder.',
    );
  }
  if (account !== null && found.uid !== account.uid) lchownSync(path, account.uid, account.gid);
  if ((found.mode & 0o777) !== 0o700) chmodSync(path, 0o700);
  return path;
}

function isOwn(path: string, account: Account | null): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const owner = account?.uid ?? process.getuid?.();
  return found !== undefined && found.isDirectory() && found.uid === owner && (found.mode & 0o777) === 0o700;
}

/** Writes a new file with mode 0600 that belongs to the account. Refuses if something of that name is there. */
export function writeOwned(path: string, content: string, account: Account | null): void {
  writeFileSync(path, content, { mode: 0o600, flag: 'wx', flush: true });
  if (account !== null) lchownSync(path, account.uid, account.gid);
}

// Never opened again once it is made: closing any descriptor of a file drops the process's record locks on it.
function ownFile(path: string, account: Account | null): void {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  if (!lstatSync(path).isFile()) throw new StartError(`${path} must be a file.`);
  if (account !== null) lchownSync(path, account.uid, account.gid);
}

// The link is ours, to the stage, or the operator's, to a larger disk.
function linkedFolder(path: string): string | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isSymbolicLink() === true ? resolve(dirname(path), readlinkSync(path)) : null;
}

function placeForAccount(link: string, account: Account, log: Log): string {
  if (canReach(dirname(link), account)) return link;
  if (existsSync(link)) {
    throw new StartError(
      `User ${account.uid}, who runs the embedded PostgreSQL when the service is started as root, cannot reach ${link}. ` +
        'Move the data folder to where it can, and set DATA_DIR.',
    );
  }
  mkdirSync(STAGE, { recursive: true, mode: 0o755 });
  // A new folder each time: when a data folder is removed, its secrets go too, and its successor must not get the old rows back.
  const staged = mkdtempSync(join(STAGE, 'data-'));
  try {
    symlinkSync(staged, link);
  } catch (error) {
    rmdirSync(staged);
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readlinkSync(link);
  }
  log.warn(
    `The embedded PostgreSQL keeps its data in ${staged}: started as root it runs as user ${account.uid}, who cannot reach ${dirname(link)}. Set DATA_DIR to a folder such as /srv/entrecore-auth to choose another place.`,
  );
  return staged;
}
