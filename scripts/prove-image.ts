/**
 * Runs the steps of the Dockerfile without a container engine: its COPY and RUN lines in an empty folder, as an unprivileged
 * user when started as root, then its CMD on a read-only tree, its HEALTHCHECK, and SIGTERM. `node scripts/prove-image.ts`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = new URL('../', import.meta.url).pathname;
const NOBODY = 65534;
const asRoot = process.getuid?.() === 0;
const user = asRoot ? { uid: NOBODY, gid: NOBODY } : {};

const base = mkdtempSync(join(tmpdir(), 'entrecore-image-'));
const app = join(base, 'app');
const data = join(base, 'data');
for (const folder of [app, data]) mkdirSync(folder);
const environment = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
  HOME: base,
  npm_config_cache: join(base, 'npm'),
  ...registry(),
};
const say = (text: string) => process.stdout.write(`${text}\n`);

try {
  own(base);
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
  const [, build = '', run = ''] = text.split(/^FROM .*$/m);
  for (const line of build.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'COPY') copy(rest);
    if (word === 'RUN') shell(rest.join(' '));
  }
  const env = Object.fromEntries(
    [...(/^ENV (.*)$/m.exec(run)?.[1] ?? '').matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [
      name,
      place(value as string),
    ]),
  );
  shell('chmod -R a-w .');
  const port = await freePort();
  const command = JSON.parse(/^CMD (\[.*\])$/m.exec(run)?.[1] ?? '[]') as string[];
  say(`CMD ${command.join(' ')}`);
  const started = performance.now();
  const child = spawn(process.execPath, command.slice(1), {
    cwd: app,
    env: { PATH: environment.PATH, ...env, HOST: '127.0.0.1', PORT: String(port) },
    stdio: 'inherit',
    ...user,
  });
  const health = JSON.parse(/HEALTHCHECK[^[]*CMD (\[.*\])/.exec(run)?.[1] ?? '[]') as string[];
  await untilHealthy(health, port);
  say(`healthy after ${Math.round(performance.now() - started)} ms`);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = await ended;
  if (code !== 0) throw new Error(`SIGTERM ended the service with ${String(code)}`);
  say('SIGTERM: ended with 0');
} finally {
  execFileSync('chmod', ['-R', 'u+w', base]);
  rmSync(base, { recursive: true, force: true });
}

function place(value: string): string {
  return value.replace(/^\/app\b/, app).replace(/^\/data\b/, data);
}

function copy(words: readonly string[]): void {
  const sources = words
    .filter(word => !word.startsWith('--'))
    .map(word => word.replace(/\$\{SOURCE\}\//, ''));
  const target = sources.pop() as string;
  say(`COPY ${sources.join(' ')}`);
  for (const source of sources) {
    cpSync(join(ROOT, source), target.endsWith('/') ? join(app, target, source) : join(app, target), {
      recursive: true,
    });
  }
  own(app);
}

function shell(command: string): void {
  say(`RUN ${command}`);
  execFileSync('sh', ['-c', command.replaceAll('/app/', `${app}/`)], {
    cwd: app,
    env: environment,
    stdio: 'inherit',
    ...user,
  });
}

async function untilHealthy([command, ...parameters]: readonly string[], port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const probe = spawn(command === 'node' ? process.execPath : (command as string), parameters, {
      env: { ...environment, PORT: String(port) },
    });
    const [code] = await once(probe, 'exit');
    if (code === 0) return;
    await sleep(200);
  }
  throw new Error('the health check never passed');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  server.close();
  return address.port;
}

// Where npm fetches from is this machine's matter.
function registry(): Record<string, string> {
  const url = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  return { npm_config_registry: url };
}

function own(folder: string): void {
  if (!asRoot) return;
  chmodSync(folder, 0o755);
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, folder]);
  chownSync(base, NOBODY, NOBODY);
}
