import { type ChildProcess, fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/free-port.ts';
import type { Job, Outcome } from './generator.ts';
import { JWT_SECRET, PUBLIC_URL, ROOT_SECRET } from './people.ts';

/** A server that runs in a process of its own. */
export interface Server {
  readonly port: number;
  /** From the spawn to the first answer, in milliseconds. */
  readonly startMs: number;
  /** Seconds of CPU so far. */
  cpu(): number;
  /** Resident MiB. */
  rss(): number;
  stop(): Promise<void>;
}

// As `npm start` runs it: `exec node`, flags, program.
const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  scripts: { start: string };
};
const START = scripts.start.split(' ').slice(2);
const GUARD = ['--import', './src/platform/process-guard.mjs'];

/** The service as `npm start` runs it, on this database. */
export function startService(
  databaseUrl: string,
  settings: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<Server> {
  return startServer([...flags, ...START], {
    DATABASE_URL: databaseUrl,
    JWT_SECRET_KEY: JWT_SECRET,
    AUTH_ROOT_SECRET: ROOT_SECRET,
    PUBLIC_URL,
    // Counted as in production, refused to nobody: every request comes from one address here.
    RATE_LIMIT: UNLIMITED,
    ...settings,
  });
}

const UNLIMITED = JSON.stringify(
  Object.fromEntries(
    ['general', 'login', 'refresh', 'signup'].map(group => [group, { points: 1_000_000, seconds: 1 }]),
  ),
);

/** The ceilings of a request: Fastify alone, and with one prepared select (bench/bare.ts). */
export const startBare = (settings: Record<string, string> = {}) =>
  startServer([...GUARD, 'bench/bare.ts'], settings);

async function startServer(parameters: string[], settings: Record<string, string>): Promise<Server> {
  const port = await freePort();
  const from = performance.now();
  const child = spawn(process.execPath, parameters, {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      ...(process.env.NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }),
      LOG_LEVEL: 'info',
      HOST: '127.0.0.1',
      PORT: String(port),
      ...settings,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', chunk => (said += chunk));
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`${parameters.at(-1)} did not start: ${said}`);
    await sleep(2);
  }
  const startMs = performance.now() - from;
  const pid = child.pid as number;
  return {
    port,
    startMs,
    cpu: () => cpuOf(pid),
    rss: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await new Promise(done => child.once('exit', done));
    },
  };
}

/** Clock ticks of a hundredth of a second, as on every Linux. NaN elsewhere. */
function cpuOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(done => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('connect', () =>
      socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'),
    );
    socket.on('data', chunk => {
      done(chunk.toString().startsWith('HTTP/1.1 200'));
      socket.destroy();
    });
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
  });
}

/** A load generator that stays for many jobs. */
export interface Generator {
  readonly pid: number;
  run(job: Job): Promise<Outcome>;
  stop(): void;
}

export function startGenerator(): Generator {
  const child: ChildProcess = fork(join(import.meta.dirname, 'generator.ts'), {
    serialization: 'advanced',
  });
  return {
    pid: child.pid as number,
    run: job =>
      new Promise((done, fail) => {
        const onExit = () => fail(new Error('the load generator died'));
        child.once('exit', onExit);
        child.once('message', message => {
          child.off('exit', onExit);
          done(message as Outcome);
        });
        child.send(job);
      }),
    stop: () => void child.kill(),
  };
}
