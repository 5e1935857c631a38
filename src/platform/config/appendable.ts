import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  ENOENT: 'the folder that it lies in is not there',
  ENOTDIR: 'a part of its path is no folder',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
};

/**
 * The fault that keeps lines from being added to a file, which need not exist yet; null if there is none. Changes nothing.
 */
export function faultOfAppending(name: string, path: string): string | null {
  const reason = reasonAgainst(path);
  if (reason === null) return null;
  return `${name}: ${path} cannot be written: ${reason}. Name a file in a folder that is there and that this user may write.`;
}

function reasonAgainst(path: string): string | null {
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory()) return 'it is a folder';
    const folder = dirname(path);
    if (there === undefined && !statSync(folder).isDirectory()) return REASONS.ENOTDIR as string;
    accessSync(there === undefined ? folder : path, constants.W_OK);
    return null;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return REASONS[code] ?? code;
  }
}
