import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { operator, recordEvent } from '../../src/audit/record.ts';
import { takeExclusive } from '../../src/platform/embedded/lock.ts';
import { readPidFile } from '../../src/platform/embedded/postmaster.ts';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { sql } from '../../src/platform/sql.ts';
import { emptyDatabase, onServer, withDatabase } from '../migrations/support.ts';
import { testDatabase } from '../support/database.ts';
import { testDeps } from '../support/deps.ts';
import { copyMade, place, processesHere, useEmbeddedFolders, useMadeCluster } from '../support/embedded.ts';
import { freePort } from '../support/free-port.ts';
import { startService } from '../support/service.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';

// How programs end before they are done: by a signal, a closed terminal, or a reader that has gone.

vi.setConfig({ testTimeout: 60_000 });
const ROOT = join(import.meta.dirname, '../..');
const SECRETS = {
  JWT_SECRET_KEY: 'a jwt secret of the early endings, long',
  AUTH_ROOT_SECRET: 'a root secret for tests, 32 bytes+',
};

useEmbeddedFolders();
useMadeCluster();
/** Settings of a program on a cluster that is made already: what is ended here is not the making of one. */
const madeCluster = () => {
  copyMade();
  return { DATA_DIR: place.dataDir };
};
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts a program; `said` is what it has printed, `ended` its exit code. */
function start(args: readonly string[], env: Record<string, string>, program = process.execPath) {
  const child = spawn(program, [...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', ...env },
  });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const hear = async (words: string | RegExp) => {
    await expect.poll(() => said, { timeout: 30_000, interval: 20 }).toMatch(words);
  };
  return { child, ended, hear, said: () => said };
}

const unreachable = async () => ({
  ...SECRETS,
  DATABASE_URL: `postgres://postgres@127.0.0.1:${await freePort()}/postgres`,
});

test('the service that waits for its database says so, and SIGTERM ends it at once', async () => {
  const { child, ended, hear, said } = start(['src/main.ts'], await unreachable());
  await hear('waiting for the database');
  const asked = performance.now();
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(performance.now() - asked).toBeLessThan(5_000);
  expect(said()).toContain('stopping before the start is done');
});

test('SIGTERM ends the service within half a minute, also where its database answers nothing any more', async () => {
  const database = await testDatabase();
  const url = new URL(database.url);
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const port = Number(url.port === '' ? 5432 : url.port);
  const line = await tcpProxy(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  const through = new URL(`postgres://127.0.0.1:${line.port}${url.pathname}?sslmode=disable`);
  Object.assign(through, { username: url.username, password: url.password });
  const service = await startService({ DATABASE_URL: through.href, DATA_DIR: place.dataDir, ...SECRETS });
  try {
    line.freeze();
    // The next look at the trail has begun.
    await sleep(1_500);
    const asked = performance.now();
    expect(await service.stop('SIGTERM'), service.output()).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
  } finally {
    await service.stop('SIGKILL');
    await line.close();
    await database.close();
  }
});

test.each([
  ['src/cli.ts', 'keys', 'list'],
  ['src/db.ts', 'current'],
])('%s that waits for its database says so at once, and a signal ends it', async (...args) => {
  const { child, ended, hear } = start(args, await unreachable());
  await hear(/^waiting for the database at 127\.0\.0\.1:\d+: /);
  child.kill('SIGINT');
  expect(await ended).toBe(130);
});

test.each<[number, ...string[]]>([
  [0, 'src/main.ts'],
  [143, 'src/cli.ts', 'keys', 'list'],
])(
  'SIGTERM ends at once, with %i, a wait for a database that takes connections and says nothing: %s',
  async (code, ...args) => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const url = `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`;
    try {
      const asking = once(silent, 'connection');
      const { child, ended } = start(args, { ...SECRETS, DATABASE_URL: url });
      const [socket] = await asking;
      socket.on('error', () => {});
      const asked = performance.now();
      child.kill('SIGTERM');
      expect(await ended).toBe(code);
      expect(performance.now() - asked).toBeLessThan(1_500);
    } finally {
      silent.close();
    }
  },
);

test('SIGHUP ends the service as SIGTERM does: the embedded server does not outlive a closed terminal', async () => {
  const service = await startService({ ...madeCluster(), BCRYPT_COST: '4' });
  children.push(service.child);
  const ended = once(service.child, 'exit');
  service.child.kill('SIGHUP');
  expect(await ended).toEqual([0, null]);
  expect(processesHere()).toEqual([]);
});

// Debian's shell, which npm tells to run the script, would die of a signal alone; and nobody hands SIGKILL on.
test.each([
  ['SIGTERM', 0],
  ['SIGKILL', null],
] as const)('%s to the npm that started it ends the service', async (signal, code) => {
  const { child, ended, hear } = start(['start'], madeCluster(), 'npm');
  await hear('For production, set');
  child.kill(signal);
  // With the last of those who could still write to its terminal.
  expect(await ended).toBe(code);
  expect(processesHere()).toEqual([]);
});

test('a queue of hashes whose callers have gone does not keep a service that was told to stop', async () => {
  const service = await startService({ ...madeCluster(), BCRYPT_COST: '14', RATE_LIMIT: 'off' });
  children.push(service.child);
  const gone = new AbortController();
  const callers = Array.from({ length: 60 }, (_, index) =>
    fetch(`${service.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ username: `nobody-${index}`, password: 'Correct-horse-7' }),
      signal: gone.signal,
    }).catch(() => null),
  );
  const metrics = async () => (await fetch(`${service.url}/metrics`)).text();
  await expect.poll(metrics, { timeout: 30_000, interval: 100 }).toMatch(/^password_hashes_waiting [45]\d$/m);
  gone.abort();
  await Promise.all(callers);
  const asked = performance.now();
  expect(await service.stop('SIGTERM')).toBe(0);
  expect(performance.now() - asked).toBeLessThan(15_000);
});

test('a stop waits for the answers to what is in progress, not for connections that clients keep open', async () => {
  const service = await startService({ ...madeCluster(), BCRYPT_COST: '12', RATE_LIMIT: 'off' });
  children.push(service.child);
  const metrics = async () => (await fetch(`${service.url}/metrics`)).text();
  const answers: [status: number, connection: string | null][] = [];
  const callers = Array.from({ length: 8 }, async (_, index) => {
    const { status, headers } = await fetch(`${service.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ username: `nobody-${index}`, password: 'Correct-horse-7' }),
    });
    answers.push([status, headers.get('connection')]);
  });
  await expect.poll(metrics, { timeout: 30_000, interval: 50 }).toMatch(/^password_hashes_running [1-9]$/m);
  const asked = performance.now();
  expect(await service.stop('SIGTERM')).toBe(0);
  expect(performance.now() - asked).toBeLessThan(15_000);
  await Promise.all(callers);
  // Some may have had their answer before.
  const last = answers.splice(answers.findIndex(([, connection]) => connection === 'close'));
  expect(answers).toEqual(answers.map(() => [401, 'keep-alive']));
  expect(last.length).toBeGreaterThan(1);
  expect(last).toEqual(last.map(() => [401, 'close']));
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s to a command in progress leaves no embedded server',
  async signal => {
    const args = ['src/cli.ts', 'users', 'create', 'ada@example.com', '--password-stdin'];
    const { child, ended, hear, said } = start(args, madeCluster());
    // Made once the database is open; then the command waits for its input.
    await hear('auth-root-secret');
    child.kill(signal);
    expect(await ended).toBe(128 + { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }[signal]);
    expect(processesHere()).toEqual([]);
    expect(said()).not.toMatch(/^ +at /m);
  },
);

test('a command says that it waits for another that starts the embedded server, and a signal ends it', async () => {
  const gate = join(place.dataDir, 'pg', 'gate.lock');
  mkdirSync(join(place.dataDir, 'pg'), { recursive: true, mode: 0o711 });
  writeFileSync(gate, '');
  const other = await takeExclusive(gate, { onWait() {} });
  try {
    const { child, ended, hear } = start(['src/cli.ts', 'keys', 'list'], { DATA_DIR: place.dataDir });
    await hear('Another process is starting or stopping the embedded PostgreSQL; waiting');
    child.kill('SIGINT');
    expect(await ended).toBe(130);
  } finally {
    other.release();
  }
});

test('a migration that is ended by a signal leaves no embedded server', async () => {
  const { child, ended } = start(['src/db.ts', 'upgrade', 'head'], madeCluster());
  await expect
    .poll(() => readPidFile(join(place.dataDir, 'pg', 'cluster'))?.alive, { timeout: 30_000 })
    .toBe(true);
  child.kill('SIGTERM');
  expect(await ended).toBe(143);
  expect(processesHere()).toEqual([]);
});

test.each([
  ['SIGINT', ['check']],
  ['SIGTERM', ['revision', '--autogenerate', '-m', 'nothing']],
] as const)('%s to db %j leaves no scratch database', async (signal, args) => {
  const database = await emptyDatabase();
  const role = `${database.name}_scratch`;
  const scratch = () =>
    database.query(
      `select from pg_database where datdba = $1::regrole and datname like 'entrecore_scratch_%'`,
      [role],
    );
  await onServer(client => client.query(`create role ${role} login createdb password 'scratch'`));
  try {
    await database.query(`alter database ${database.name} owner to ${role}`);
    const DATABASE_URL = withDatabase(database.name, role, 'scratch');
    const { child, ended, said } = start(['src/db.ts', ...args], { DATABASE_URL });
    await expect.poll(async () => (await scratch()).length, { timeout: 30_000, interval: 5 }).toBe(1);
    child.kill(signal);
    expect(await ended).toBe(128 + { SIGINT: 2, SIGTERM: 15 }[signal]);
    expect(await scratch()).toEqual([]);
    expect(said()).not.toMatch(/^ +at /m);
  } finally {
    await database.close();
    await onServer(client => client.query(`drop role ${role}`));
  }
});

test('an export whose reader has gone ends without a word', async () => {
  const deps = await testDeps();
  const event = { type: 'audit.exported', outcome: 'success', actor: operator, caller: null } as const;
  const data = { type: 'x'.repeat(200) };
  await deps.db.transaction(async tx => {
    for (let events = 0; events < 1_000; events++) await recordEvent(deps, tx, { ...event, data });
  });
  const { child, ended } = start(['src/cli.ts', 'audit', 'export'], {
    ...SECRETS,
    DATABASE_URL: deps.databaseUrl,
  });
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  child.stdout?.destroy();
  expect(await ended).toBe(0);
  expect(complaint).toBe('');
  await deps.close();
});

test('an upgrade goes on when nobody reads how far it is', async () => {
  const database = await emptyDatabase();
  try {
    const { child, ended } = start(['src/db.ts', 'upgrade', 'head'], {
      DATABASE_URL: withDatabase(database.name),
    });
    child.stderr?.destroy();
    child.stdout?.destroy();
    expect(await ended).toBe(0);
    const applied = await database.query('select from schema_revisions');
    expect(applied).toHaveLength((await readRevisions()).length);
  } finally {
    await database.close();
  }
});

test('whoever reads no verdict is told by the exit code all the same', async () => {
  const deps = await testDeps();
  const file = join(place.base, 'users.csv');
  writeFileSync(file, 'email,hashed_password\nnobody,\n');
  const { child, ended } = start(['src/cli.ts', 'users', 'import', file], {
    ...SECRETS,
    DATABASE_URL: deps.databaseUrl,
  });
  child.stderr?.destroy();
  child.stdout?.destroy();
  expect(await ended).toBe(1);
  await deps.close();
});

test('SIGINT to an export leaves no part of it beside its file: there are password hashes in it', async () => {
  const deps = await testDeps();
  const { ended } = await deps.db.transaction(async tx => {
    await tx.run(sql`lock table users in access exclusive mode`);
    const command = start(['src/cli.ts', 'users', 'export', join(place.base, 'users.ndjson')], {
      ...SECRETS,
      DATABASE_URL: deps.databaseUrl,
    });
    await expect
      .poll(() => readdirSync(place.base), { timeout: 30_000 })
      .toEqual([expect.stringContaining('.partial')]);
    command.child.kill('SIGINT');
    await command.ended;
    return command;
  });
  expect(await ended).toBe(130);
  expect(readdirSync(place.base)).toEqual([]);
  await deps.close();
});
