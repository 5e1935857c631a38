/**
 * Runs the steps of the Dockerfile without a container engine: its COPY, RUN and USER lines in an empty folder, then its CMD on
 * a read-only tree, its HEALTHCHECK, and SIGTERM. Started as root each step runs as the user that the Dockerfile names, else
 * all of them as this one. The start must find its compiled code in the cache. `node scripts/prove-image.ts`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../src/platform/http/listen.ts';

const ROOT = join(import.meta.dirname, '..');
const asRoot = process.getuid?.() === 0;
// Plays the user that the image makes: PostgreSQL runs for nobody whom /etc/passwd does not know.
const NOBODY = '65534';

const base = mkdtempSync(join(tmpdir(), 'entrecore-image-'));
const app = join(base, 'app');
const data = join(base, 'data');
for (const folder of [app, data]) mkdirSync(folder);
// The users of the image pass where only root made something.
chmodSync(base, 0o755);
const environment = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
  HOME: base,
  npm_config_cache: join(base, 'npm'),
  ...registry(),
};
const say = (text: string) => process.stdout.write(`${text}\n`);

interface User {
  readonly uid?: number;
  readonly gid?: number;
}

try {
  const written = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
  const text = written.replaceAll(/--uid (\d+)/.exec(written)?.[1] ?? NOBODY, NOBODY);
  const [, build = '', run = ''] = text.split(/^FROM .*$/m);
  let user: User = {};
  for (const line of build.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'USER') user = userOf(rest.join(' '), run);
    if (word === 'COPY') copy(rest);
    if (word === 'RUN') shell(rest.join(' '), user);
  }
  const env = Object.fromEntries(
    [...(/^ENV (.*)$/m.exec(run)?.[1] ?? '').matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [
      name,
      place(value as string),
    ]),
  );
  const server = userOf(/^USER (.*)$/m.exec(run)?.[1] ?? 'root', run);
  // COPY --from gives everything to root, and leaves the modes.
  if (asRoot) execFileSync('chown', ['-R', '0:0', app]);
  if (server.uid !== undefined) execFileSync('chown', [`${server.uid}:${server.gid}`, data]);
  shell('chmod -R a-w .');
  await serve(run, server, env);
} finally {
  execFileSync('chmod', ['-R', 'u+w', base]);
  rmSync(base, { recursive: true, force: true });
}

/** Starts the CMD, waits for the HEALTHCHECK, looks at the cache, and stops it. */
async function serve(run: string, user: User, image: Record<string, string>): Promise<void> {
  const port = await findFreePort('127.0.0.1');
  const env = { PATH: environment.PATH, ...image, HOST: '127.0.0.1', PORT: String(port) };
  const command = JSON.parse(/^CMD (\[.*\])$/m.exec(run)?.[1] ?? '[]') as string[];
  say(`CMD ${command.join(' ')}`);
  const started = performance.now();
  const child = spawn(process.execPath, command.slice(1), {
    cwd: app,
    env: { ...env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
    stdio: ['ignore', 'inherit', 'pipe'],
    ...user,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const health = JSON.parse(/HEALTHCHECK[^[]*CMD (\[.*\])/.exec(run)?.[1] ?? '[]') as string[];
  await Promise.race([
    untilHealthy(health, { env, user }),
    once(child, 'exit').then(() => Promise.reject(new Error(`the service ended:\n${withoutCache(said)}`))),
  ]);
  say(`healthy after ${Math.round(performance.now() - started)} ms`);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = await ended;
  process.stderr.write(withoutCache(said));
  if (code !== 0) throw new Error(`SIGTERM ended the service with ${String(code)}`);
  say('SIGTERM: ended with 0');
  judgeCache(said);
}

function withoutCache(said: string): string {
  return said
    .split('\n')
    .filter(line => !/^\[(compile cache\]|\d)/.test(line))
    .join('\n');
}

/** Of our own modules only the entry point is compiled: `warm.ts` cannot load it without starting the service. */
function judgeCache(said: string): void {
  const files = (pattern: RegExp) => new Set([...said.matchAll(pattern)].map(([, file]) => file as string));
  const hits = files(/V8 code cache for \S+ (\S+) was accepted/g);
  const missed = files(/for \S+ file:\/\/\S*(\/src\/\S+?)\.\.\. ?no such file/g);
  const refused = files(/V8 code cache for \S+ (\S+) was rejected/g);
  const written = files(/writing cache for \S+ (\S+?)\.* .*success/g);
  missed.delete('/src/main.ts');
  say(
    `compile cache: ${hits.size} hits, ${missed.size} misses, ${refused.size} refused, ${written.size} written`,
  );
  if (hits.size === 0 || missed.size > 0 || refused.size > 0 || written.size > 0) {
    throw new Error(
      `The compile cache of the image is not the one that it needs: ${[...missed, ...refused].join(' ')}`,
    );
  }
}

/** The user of a USER line, by number or as the image makes it; without being root there is only this one. */
function userOf(name: string, run: string): User {
  if (!asRoot || name === 'root') return {};
  const uid = Number(/^\d+/.exec(name)?.[0] ?? new RegExp(`--uid (\\d+).* ${name}\\b`).exec(run)?.[1]);
  if (Number.isNaN(uid)) throw new Error(`The Dockerfile does not say who ${name} is.`);
  return { uid, gid: uid };
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
}

function shell(command: string, user: User = {}): void {
  say(`RUN ${command}`);
  execFileSync('sh', ['-c', command.replaceAll('/app/', `${app}/`)], {
    cwd: app,
    env: environment,
    stdio: 'inherit',
    ...user,
  });
}

async function untilHealthy(
  [command, ...parameters]: readonly string[],
  { env, user }: { env: Record<string, string | undefined>; user: User },
): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const program = command === 'node' ? process.execPath : (command as string);
    const probe = spawn(program, parameters, { cwd: app, env, ...user });
    const [code] = await once(probe, 'exit');
    if (code === 0) return;
    await sleep(200);
  }
  throw new Error('the health check never passed');
}

// Where npm fetches from is this machine's matter.
function registry(): Record<string, string> {
  const url = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  return { npm_config_registry: url };
}
