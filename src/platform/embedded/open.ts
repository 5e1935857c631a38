import { existsSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { inDataDir, refusalOf } from '../data-dir.ts';
import type { Log } from '../log.ts';
import { isExpected, StartError } from '../start-error.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { DATABASE, ensureCluster, ROLE, SUPERUSER } from './cluster.ts';
import { PORT, refuseElsewhere } from './elsewhere.ts';
import { prepareFolders } from './folders.ts';
import { type Lock, takeExclusive, tryExclusive, tryShared } from './lock.ts';
import { readPidFile, worksInMoved } from './postmaster.ts';
import { ensureServer, hasSocket, type Running, stopServer } from './server.ts';

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly log: Log;
  /** False only for throw-away test databases: no fsync, so a power cut loses them. */
  readonly durable?: boolean;
  /** Ends the wait for another process that starts or stops the server; what this process has begun is finished. */
  readonly signal?: AbortSignal | undefined;
}

export interface Embedded {
  /** The service's role on its database. */
  readonly connection: pg.ClientConfig;
  /** The same as a DATABASE_URL, for tools on this machine. */
  readonly url: string;
  /** The superuser's, for tests and measurements. */
  readonly superuserUrl: string;
  /** Lets go of the server; the last holder to do so stops it. */
  release(): Promise<void>;
}

const WATCH_MS = 500;
const RESTART_PAUSE_MS = 2_000;
const COMPLAIN_EVERY_MS = 60_000;

/**
 * The PostgreSQL under `dataDir`: made at the first start, adopted if it runs already, started otherwise. It is shared with
 * every other process that opens the same folder, started again if it dies, and stopped by the last one that releases it.
 * Refuses a folder that another container uses.
 */
export async function openEmbedded({
  dataDir,
  log,
  durable = true,
  signal,
}: EmbeddedOptions): Promise<Embedded> {
  if (process.platform === 'win32') {
    throw new StartError(
      'The embedded PostgreSQL runs on Linux and macOS. Set DATABASE_URL to a PostgreSQL server, or use WSL.',
    );
  }
  const folders = inDataDir(dataDir, () => prepareFolders(dataDir, log));
  const gate = (until?: AbortSignal) => {
    const onWait = () => log.warn('Another process is starting or stopping the embedded PostgreSQL; waiting');
    return takeExclusive(folders.gate, { onWait, signal: until });
  };

  let holder: Lock | null = null;
  const enter = await gate(signal);
  let binaries: Binaries;
  let password: string;
  let running: Running;
  try {
    binaries = findBinaries(folders, log);
    refuseElsewhere(folders);
    // It is taken exclusively only under the gate, which we hold.
    holder = tryShared(folders.holders);
    if (holder === null) throw new StartError(`${folders.holders} is locked by another program.`);
    password = await ensureCluster(folders, binaries, durable, log);
    running = await ensureServer(folders, binaries, { durable, log, signal });
  } catch (error) {
    holder?.release();
    throw refusalOf(dataDir, error);
  } finally {
    enter.release();
  }

  const identity = statSync(folders.cluster);
  let released: Promise<void> | null = null;
  let restarting = false;
  let complaint = { message: '', until: 0 };
  const watch = setInterval(() => {
    if (!restarting && !serves()) void restart();
  }, WATCH_MS).unref();

  function serves(): boolean {
    try {
      const found = readPidFile(folders.cluster);
      return found?.pid === running.pid && found.alive && found.status !== 'stopping' && hasSocket(found);
    } catch {
      // While every descriptor is in use nothing can be read: the next look will tell.
      return true;
    }
  }

  async function restart(): Promise<void> {
    restarting = true;
    try {
      const again = await gate();
      try {
        if (released !== null) return;
        running = await ensureServer(folders, binaries, { durable, log });
        if (running.started) log.error('The embedded PostgreSQL had ended; it was started again');
      } finally {
        again.release();
      }
    } catch (error) {
      complain(error);
    }
    await sleep(RESTART_PAUSE_MS, undefined, { ref: false });
    restarting = false;
  }

  // A lasting error is logged once a minute.
  function complain(error: unknown): void {
    const { message } = error as Error;
    if (message === complaint.message && performance.now() < complaint.until) return;
    complaint = { message, until: performance.now() + COMPLAIN_EVERY_MS };
    const said = 'The embedded PostgreSQL is gone and does not start; trying again';
    if (isExpected(error)) log.error(`${said}. ${message}`);
    else log.error({ err: error }, said);
  }

  async function leave(): Promise<void> {
    clearInterval(watch);
    // The folder was moved or removed: the server would run on where nobody finds it.
    if (!existsSync(folders.gate)) {
      holder?.release();
      if (worksInMoved(running.pid, identity)) await stopServer(running.pid, log);
      return;
    }
    const exit = await gate().catch((error: unknown) => {
      holder?.release();
      throw error;
    });
    let last: Lock | null = null;
    try {
      holder?.release();
      last = tryExclusive(folders.holders);
      const found = last === null ? null : readPidFile(folders.cluster);
      if (found === null) return;
      if (found.alive) await stopServer(found.pid, log);
      if (!found.socketFolder.startsWith(folders.root))
        rmSync(found.socketFolder, { recursive: true, force: true });
    } finally {
      last?.release();
      exit.release();
    }
  }

  const urlFor = (role: string) =>
    `postgresql://${role}:${password}@localhost:${PORT}/${DATABASE}?host=${encodeURIComponent(running.socketFolder)}&sslmode=disable`;
  return {
    // Every setting is given, so that no PG* variable of the environment fills a gap.
    connection: {
      host: running.socketFolder,
      port: PORT,
      user: ROLE,
      password,
      database: DATABASE,
      ssl: false,
    },
    url: urlFor(ROLE),
    superuserUrl: urlFor(SUPERUSER),
    release: () => (released ??= leave()),
  };
}
