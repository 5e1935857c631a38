import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openEmbedded } from '../../src/platform/embedded/open.ts';
import { readPidFile } from '../../src/platform/embedded/postmaster.ts';
import { openLog } from '../../src/platform/log.ts';
import { freePort, request } from '../support/service.ts';

// What a program does whose output has no room: /dev/full is a disk that always is.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
const ROOT = new URL('../../', import.meta.url).pathname;

let folder: string;
let dataDir: string;
let full: number;
beforeEach(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'entrecore-full-'));
  // As root, the user that runs the server must pass.
  chmodSync(folder, 0o711);
  dataDir = join(folder, 'data');
  full = openSync('/dev/full', 'w');
});
afterEach(async () => {
  closeSync(full);
  if (readPidFile(join(dataDir, 'pg', 'cluster'))?.alive)
    await (await openEmbedded({ dataDir, log: openLog('silent') })).release();
  rmSync(folder, { recursive: true, force: true });
});

const environment = (more: Record<string, string>) => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  DATA_DIR: dataDir,
  BCRYPT_COST: '4',
  RATE_LIMIT: 'off',
  ...more,
});
const processesHere = () =>
  execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes(folder));

test('a service whose log has no room makes its database, answers, and stops as any other', async () => {
  const PORT = String(await freePort());
  const env = environment({ PORT });
  const child = spawn(process.execPath, ['src/main.ts'], { cwd: ROOT, env, stdio: ['ignore', full, full] });
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${PORT}`;
  const ready = () =>
    request('GET', `${url}/readyz`).then(
      ({ status }) => status,
      () => 0,
    );
  await expect.poll(ready, { timeout: 30_000 }).toBe(200);
  for (let requests = 0; requests < 50; requests++)
    expect((await request('GET', `${url}/users/me`)).status).toBe(401);
  await sleep(300);
  expect(await ready()).toBe(200);
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(processesHere()).toEqual([]);
});

test('a service that cannot start, and cannot say so, ends all the same', async () => {
  const env = environment({ PORT: '0', DATA_DIR: '/proc/no/data' });
  const child = spawn(process.execPath, ['src/main.ts'], { cwd: ROOT, env, stdio: ['ignore', full, full] });
  expect(await once(child, 'exit')).toEqual([1, null]);
});

test('a command whose output has no room says so in one line, fails, and leaves no server', async () => {
  const args = ['src/cli.ts', 'roles', 'list'];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: environment({}),
    stdio: ['ignore', full, 'pipe'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(said).toMatch(/^The output could not be written \(ENOSPC\)/m);
  expect(said).not.toMatch(/^ +at /m);
  expect(processesHere()).toEqual([]);
});

test('a command that has no room for its warnings does its work', async () => {
  const args = ['src/cli.ts', 'roles', 'list'];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: environment({}),
    stdio: ['ignore', 'pipe', full],
  });
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(out).toMatch(/^admin /m);
  expect(processesHere()).toEqual([]);
});
