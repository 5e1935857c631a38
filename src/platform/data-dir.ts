import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StartError } from './start-error.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
  ENOTDIR: 'a part of it is no folder',
  EEXIST: 'it is no folder',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links go in a circle',
  ENOENT: 'it cannot be made there',
  ENOSPC: 'no space is left there',
  EDQUOT: 'no space is left there for this user',
};

// Everything in these folders looks writable to root, and in /proc the recursive mkdir of Node.js never ends: it takes ENOENT for
// a missing parent. /dev/shm is an ordinary file system.
const KERNEL = /^\/(?:proc|sys|dev(?!\/shm(?:\/|$)))(?=\/|$)/;

/** Why DATA_DIR cannot be used, and what to do about it; null where nothing speaks against it. Changes nothing. */
export function faultOfDataDir(dataDir: string): string | null {
  // A folder that somebody has prepared, with links and owners of its own, is judged when it is used.
  if (existsSync(join(dataDir, 'pg'))) return null;
  for (let at = dataDir; ; at = dirname(at)) {
    try {
      if (!statSync(at).isDirectory()) return sentence(dataDir, `${at} is no folder`);
      const [kernel] = KERNEL.exec(realpathSync(at)) ?? [];
      if (kernel !== undefined) return sentence(dataDir, `it lies under ${kernel}, where no files are kept`);
      accessSync(at, constants.R_OK | constants.W_OK | constants.X_OK);
      return null;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      // A missing folder will be made; whether something prevents that, the folder above shows.
      if ((code === 'ENOENT' || code === 'ENOTDIR') && at !== dirname(at)) continue;
      return sentence(dataDir, REASONS[code] ?? code);
    }
  }
}

/** Runs `work`, which makes files under DATA_DIR. Throws what the file system refuses as a StartError that names the variable. */
export function inDataDir<T>(dataDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw refusalOf(dataDir, error);
  }
}

/** A StartError that names the variable, for what the file system refuses under DATA_DIR; any other error as it is. */
export function refusalOf(dataDir: string, error: unknown): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const reason = REASONS[code];
  if (reason === undefined) return error;
  return new StartError(sentence(dataDir, `${reason} (${message})`), { cause: error });
}

function sentence(dataDir: string, why: string): string {
  return `DATA_DIR: ${dataDir} cannot be used: ${why}. Set DATA_DIR to a folder that this user may write, or DATABASE_URL to a PostgreSQL server.`;
}
