import { once } from 'node:events';
import { lchownSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from '../start-error.ts';
import type { Folders } from './folders.ts';
import { tryExclusive } from './lock.ts';
import { readPidFile } from './postmaster.ts';

/** Only part of the socket's name: nothing listens on TCP. */
export const PORT = 5432;

export const ELSEWHERE =
  'Another container, namespace or machine uses the embedded PostgreSQL of this DATA_DIR: its server runs where this process cannot ' +
  'see it, and a second one would destroy the data. Stop the other, give this one a DATA_DIR of its own, or give both ' +
  'a PostgreSQL server by DATABASE_URL. Nothing was changed.';

/**
 * Refuses a folder whose holders live in another PID namespace: their server would look dead from here, and PostgreSQL
 * itself has no other sign of it (its shared memory belongs to its container). To be called under the gate, by a process
 * that holds no share yet; whichever comes first writes down its namespace.
 */
export function refuseElsewhere(folders: Folders): void {
  const nobody = tryExclusive(folders.holders);
  try {
    if (nobody !== null) return writeNamespace(folders);
    // The server of holders in our own namespace may have been killed: they or we start it again.
    const seen = readPidFile(folders.cluster)?.alive === true;
    if (!seen && readNamespace(folders) !== thisNamespace()) throw new StartError(ELSEWHERE);
  } finally {
    nobody?.release();
  }
}

// How long the children that a killed server had just forked may keep its socket open.
const CLOSING_MS = 2_000;

/** Whether a server listens in this folder, wherever it runs: a socket belongs to the kernel, not to the container. */
export async function listens(folder: string): Promise<boolean> {
  for (let waited = 0; await accepts(join(folder, `.s.PGSQL.${PORT}`)); waited += 100) {
    if (waited >= CLOSING_MS) return true;
    await sleep(100);
  }
  return false;
}

async function accepts(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    // A server listens, but too many connections wait for it already.
    return (error as NodeJS.ErrnoException).code === 'EAGAIN';
  } finally {
    socket.destroy();
  }
}

// Names the boot as well: the numbers of namespaces begin anew at each, and a folder may be shared over a network.
function thisNamespace(): string {
  const boot = orNothing(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  return `${boot} ${orNothing(() => readlinkSync('/proc/self/ns/pid'))}`;
}

const readNamespace = ({ namespace }: Folders) => orNothing(() => readFileSync(namespace, 'utf8'));

// Not written again if it stands there already: a full disk is no reason not to start.
function writeNamespace(folders: Folders): void {
  const { namespace, account } = folders;
  if (readNamespace(folders) === thisNamespace()) return;
  writeFileSync(namespace, thisNamespace(), { mode: 0o600 });
  if (account !== null) lchownSync(namespace, account.uid, account.gid);
}

// Empty if the system has no such file, or nothing was written yet.
function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
