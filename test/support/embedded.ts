import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type Embedded, openEmbedded } from '../../src/platform/embedded/open.ts';
import { readPidFile } from '../../src/platform/embedded/postmaster.ts';
import { openLog } from '../../src/platform/log.ts';

const SCRIPT = fileURLToPath(new URL('./holder-process.ts', import.meta.url));
export const log = openLog('silent');
export const isRoot = process.getuid?.() === 0;
export const NOBODY = { uid: 65534, gid: 65534 };

/** The data folder of the present test, in a temporary one that the server's unprivileged user may pass. */
export const place = { base: '', dataDir: '' };
let holders: Holder[] = [];

/** Gives each test of the file a folder of its own, and stops what it left. */
export function useEmbeddedFolders(): void {
  beforeEach(() => {
    place.base = mkdtempSync(join(realpathSync(tmpdir()), 'embedded-'));
    chmodSync(place.base, 0o711);
    place.dataDir = join(place.base, 'data');
    holders = [];
  });

  afterEach(async () => {
    await Promise.all(holders.map(holder => holder.kill()));
    if (existsSync(join(place.dataDir, 'pg')) && server()?.alive)
      await (await openEmbedded({ dataDir: place.dataDir, log })).release();
    rmSync(place.base, { recursive: true, force: true });
  });
}

let made: string;

/** Makes one cluster for the whole file: for tests that are not about making one, see `copyMade`. */
export function useMadeCluster(): void {
  beforeAll(async () => {
    made = mkdtempSync(join(realpathSync(tmpdir()), 'embedded-made-'));
    chmodSync(made, 0o711);
    await (await openEmbedded({ dataDir: made, log })).release();
  });

  afterAll(() => rmSync(made, { recursive: true, force: true }));
}

export function copyMade(): void {
  mkdirSync(place.dataDir, { recursive: true, mode: 0o711 });
  execFileSync('cp', ['-a', join(made, 'pg'), place.dataDir]);
}

/** A process of its own that holds the database: test/support/holder-process.ts. */
export interface Holder {
  readonly child: ChildProcess;
  readonly messages: Record<string, unknown>[];
  tell(line: string): void;
  hear(event: string): Promise<Record<string, unknown>>;
  kill(): Promise<void>;
}

/** Starts one, as this user or by a program before it (`unshare …`), which then runs the rest of its arguments. */
export function hold(account: { uid?: number; gid?: number } = {}, before: readonly string[] = []): Holder {
  const [program, ...args] = [...before, process.execPath, SCRIPT, place.dataDir];
  const child = spawn(program as string, args, { stdio: ['pipe', 'pipe', 'inherit'], ...account });
  const messages: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout }).on('line', line => messages.push(JSON.parse(line)));
  const holder: Holder = {
    child,
    messages,
    tell: line => void child.stdin.write(`${line}\n`),
    async hear(event) {
      for (let waited = 0; waited < 15_000; waited += 5) {
        const found = messages.find(message => message.event === event);
        if (found !== undefined) return found;
        if (child.exitCode !== null) throw new Error(`The holder ended before it said ${event}`);
        await sleep(5);
      }
      throw new Error(`The holder never said ${event}`);
    },
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
  holders.push(holder);
  return holder;
}

export const cluster = () => join(realpathSync(join(place.dataDir, 'pg')), 'cluster');
export const server = () => readPidFile(cluster());

/** The command lines of all processes that name the present test's folder. */
export const processesHere = () =>
  execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes(place.base));

export async function query(
  embedded: Pick<Embedded, 'url'>,
  text: string,
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: embedded.url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Every process of the server, the postmaster first. */
export function serverProcesses(): number[] {
  const { pid } = server() ?? {};
  if (pid === undefined) return [];
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...children.split(' ').filter(Boolean).map(Number)];
}
