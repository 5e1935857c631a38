import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { StartError } from '../start-error.ts';
import type { Binaries } from './binaries.ts';
import { asMissingLoader } from './cluster.ts';
import { ELSEWHERE, listens, PORT } from './elsewhere.ts';
import { BESIDE, type Folders, socketFolder } from './folders.ts';
import { disownPidFile, isAlive, type PidFile, readPidFile } from './postmaster.ts';

export interface Running {
  readonly pid: number;
  readonly socketFolder: string;
  /** False if it ran already, held by another process or left behind by one that died. */
  readonly started: boolean;
}

const POLL_MS = 5;
// How long leftover processes of a killed server may hold its shared memory.
const LEFTOVER_MS = 20_000;

/**
 * The server of this cluster: the running one, or a new one that outlives this process. To be called under the gate.
 * Refuses if one runs in another container.
 */
export async function ensureServer(
  folders: Folders,
  binaries: Binaries,
  options: {
    readonly durable: boolean;
    readonly log: Log;
    /** Ends the wait for a server that another process started or stops. */
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Running> {
  const adopted = await settle(folders, options.log, options.signal);
  if (adopted !== null) return adopted;
  const giveUpAt = performance.now() + LEFTOVER_MS;
  for (;;) {
    try {
      return await start(folders, binaries, options);
    } catch (error) {
      if (!isLeftover((error as Error).message) || performance.now() > giveUpAt) throw error;
      await sleep(100);
    }
  }
}

// Not for a lock file that could not be created, as in a read-only folder: waiting does not mend that.
const isLeftover = (said: string) =>
  /lock file .* already exists|pre-existing shared memory block/.test(said);

// The signals that end a server that does not stop, each harder than the last. It recovers at the next start.
const INSISTENCE: readonly { readonly atMs: number; readonly signal: NodeJS.Signals }[] = [
  { atMs: 15_000, signal: 'SIGQUIT' },
  { atMs: 20_000, signal: 'SIGKILL' },
];

/** Stops the server by PostgreSQL's fast shutdown, or harder if it hangs, and returns when nothing of it is left. */
export async function stopServer(pid: number, log: Log): Promise<void> {
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  signal('SIGINT');
  const since = performance.now();
  const left = [...INSISTENCE];
  while (isAlive(pid)) {
    const [next] = left;
    if (next !== undefined && performance.now() - since > next.atMs) {
      log.warn(
        `The embedded PostgreSQL did not stop in ${next.atMs / 1_000} s; ending it by ${next.signal}. It recovers at the next start.`,
      );
      signal(next.signal);
      left.shift();
    }
    await sleep(POLL_MS);
  }
}

// How long a server that somebody else told to stop may wait for its clients, of which this process may be one.
const STOPPING_MS = 2_000;

// Waits until a server that is starting or stopping has done so.
async function settle(folders: Folders, log: Log, signal?: AbortSignal): Promise<Running | null> {
  const since = performance.now();
  for (let waited = 0; ; waited += POLL_MS) {
    signal?.throwIfAborted();
    const found = readPidFile(folders.cluster);
    if (found === null) return null;
    if (!found.alive) {
      // The server may go on in another container after its holder was killed, and this folder may have another name there.
      const beside = join(folders.root, BESIDE);
      for (const folder of new Set([found.socketFolder, beside]))
        if (await listens(folder)) throw new StartError(ELSEWHERE);
      disownPidFile(folders.cluster, found, folders.account);
      return null;
    }
    if (found.status === 'ready') {
      if (hasSocket(found)) return { pid: found.pid, socketFolder: found.socketFolder, started: false };
      log.warn(
        `The embedded PostgreSQL has lost its socket in ${found.socketFolder}, which was moved or removed; starting it again`,
      );
      await stopServer(found.pid, log);
      continue;
    }
    if (found.status === 'stopping' && performance.now() - since > STOPPING_MS) {
      await stopServer(found.pid, log);
      continue;
    }
    if (waited % 10_000 === 5_000) log.warn(`The embedded PostgreSQL is ${found.status}; waiting`);
    await sleep(POLL_MS);
  }
}

/**
 * False if nobody can connect any more: the folder was moved while the server ran, or that of the socket was removed. True
 * for a socket in the temporary folder, which only those who started the server may see (systemd's PrivateTmp).
 */
export const hasSocket = ({ socketFolder }: PidFile): boolean =>
  basename(socketFolder) !== BESIDE || existsSync(join(socketFolder, `.s.PGSQL.${PORT}`));

async function start(
  folders: Folders,
  { postgres, env }: Binaries,
  { durable, log }: { durable: boolean; log: Log },
): Promise<Running> {
  const { cluster, account } = folders;
  const socket = socketFolder(folders, readPidFile(cluster)?.socketFolder);
  // The folder is this cluster's alone, and no server lives; the pid in the lock file may by now be a zombie's or a stranger's.
  for (const left of [`.s.PGSQL.${PORT}`, `.s.PGSQL.${PORT}.lock`])
    rmSync(join(socket, left), { recursive: true, force: true });
  const settings = {
    listen_addresses: '',
    port: String(PORT),
    // The setting is a list, in which a comma would end an unquoted name.
    unix_socket_directories: `"${socket.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // In a session of its own: a Ctrl-C in the terminal is ours to answer, and the server outlives us until released.
  const child = spawn(postgres, ['-D', cluster, ...args], {
    cwd: cluster,
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...account,
  });
  const logged = readServerLog(cluster);
  let said = '';
  let ended: Error | null = null;
  child.stderr.on('data', (chunk: Buffer) => {
    said = newest(said + chunk.toString(), 4_000);
  });
  child.on('error', error => {
    ended = asMissingLoader(error, postgres);
  });
  child.on('close', code => {
    // Once its log is open, the server complains only there; what stood in the log before is of earlier runs.
    const complaint = `${said.trim()}\n${newest(since(logged, readServerLog(cluster)), 1_000)}`.trim();
    ended ??= new StartError(
      `The embedded PostgreSQL ended (${code}) while it started: ${complaint}\n` +
        `Look after the owner, the mode and the free space of ${cluster}, restore it from a backup, or set DATA_DIR to another folder.`,
    );
  });
  child.unref();
  (child.stderr as unknown as { unref(): void }).unref();

  for (let waited = 0; ; waited += POLL_MS) {
    if (ended !== null) throw ended;
    const found = readPidFile(cluster);
    if (found !== null && found.pid === child.pid && found.status === 'ready') {
      return { pid: found.pid, socketFolder: socket, started: true };
    }
    if (waited % 10_000 === 5_000) log.warn('The embedded PostgreSQL is recovering; waiting');
    await sleep(POLL_MS);
  }
}

// The log that the server writes now, or wrote last; empty where there is none.
function readServerLog(cluster: string): string {
  try {
    const [, file] = /^stderr (.+)$/m.exec(readFileSync(join(cluster, 'current_logfiles'), 'utf8')) ?? [];
    return file === undefined ? '' : readFileSync(join(cluster, file), 'utf8');
  } catch {
    return '';
  }
}

// The end of a text, cut at the beginning of a line.
function newest(text: string, most: number): string {
  return text.length <= most ? text : text.slice(-most).replace(/^[^\n]*\n/, '');
}

// What was appended to the log; all of the text if another day's file was begun meanwhile.
function since(before: string, text: string): string {
  return text.startsWith(before) ? text.slice(before.length) : text;
}
