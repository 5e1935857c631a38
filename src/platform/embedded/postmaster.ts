import { lchownSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from './account.ts';

/** What PostgreSQL writes about itself into its data folder (src/include/utils/pidfile.h). */
export interface PidFile {
  readonly pid: number;
  readonly socketFolder: string;
  readonly status: string;
  /** Whether this process lives, and is the server of this very folder. */
  readonly alive: boolean;
  readonly lines: readonly string[];
}

const PID = 0;
const SOCKET_FOLDER = 4;
const STATUS = 7;

/** The server's own pid file, or null if no server has left one. */
export function readPidFile(cluster: string): PidFile | null {
  let lines: string[];
  try {
    lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const pid = Math.abs(Number(lines[PID]));
  return {
    pid,
    socketFolder: lines[SOCKET_FOLDER]?.trim() ?? '',
    status: lines[STATUS]?.trim() ?? 'starting',
    alive: pid > 0 && isAlive(pid) && worksIn(pid, cluster),
    lines,
  };
}

/** True while the process runs, or may run. A process that has ended but was not reaped by its parent does not run. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch (error) {
    return process.platform !== 'linux' || !isGone(error);
  }
}

// Any other error in reading a file, such as every descriptor being in use, says nothing about the process.
const isGone = (error: unknown) => ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');

/**
 * Makes the pid file of a dead server harmless. PostgreSQL refuses to start while the pid in it belongs to any process, be
 * it a zombie or a stranger that got the number. It disregards only the pid of its own parent, so that is what we write.
 * The rest stays, since PostgreSQL looks there for backends that outlived their server.
 */
export function disownPidFile(cluster: string, { lines }: PidFile, account: Account | null): void {
  const path = join(cluster, 'postmaster.pid');
  writeFileSync(path, [process.pid, ...lines.slice(1)].join('\n'), { mode: 0o600 });
  if (account !== null) lchownSync(path, account.uid, account.gid);
}

// A server's working directory is its data folder. If the system does not tell the directory, the pid alone must do.
function worksIn(pid: number, cluster: string): boolean {
  if (process.platform !== 'linux') return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === cluster;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' && wasStartedFor(pid, cluster);
  }
}

/** Whether the process works in this folder, wherever that was moved to. False if the system does not tell. */
export function worksInMoved(pid: number, { dev, ino }: FolderIdentity): boolean {
  const found = statAt(`/proc/${pid}/cwd`);
  return found !== null && found.dev === dev && found.ino === ino && isAlive(pid);
}

/** What a folder keeps when it is moved. */
export interface FolderIdentity {
  readonly dev: number;
  readonly ino: number;
}

function statAt(path: string): FolderIdentity | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

// Root in a container lacks CAP_SYS_PTRACE and may not ask where another user's process works, but may read its arguments.
function wasStartedFor(pid: number, cluster: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(cluster);
  } catch (error) {
    return !isGone(error);
  }
}
