import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { place, processesHere, useEmbeddedFolders } from '../support/embedded.ts';
import { freePort } from '../support/free-port.ts';
import { request } from '../support/service.ts';

// What a program does whose output has no room: /dev/full is a disk that always is.

vi.setConfig({ testTimeout: 60_000 });
const ROOT = join(import.meta.dirname, '../..');

useEmbeddedFolders();
let full: number;
const children: ChildProcess[] = [];
beforeEach(() => {
  full = openSync('/dev/full', 'w');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  closeSync(full);
});

/** Starts a program with its output going to these. */
function start(
  args: readonly string[],
  stdio: readonly ('pipe' | number)[],
  env: Record<string, string> = {},
) {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATA_DIR: place.dataDir,
      BCRYPT_COST: '4',
      ...env,
    },
    stdio: ['ignore', ...stdio],
  });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, ended: once(child, 'close'), said: () => said };
}

test('a service whose log has no room makes its database, answers, and stops as any other', async () => {
  const PORT = String(await freePort());
  const { child, ended } = start(['src/main.ts'], [full, full], { PORT });
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
  const { ended } = start(['src/main.ts'], [full, full], { PORT: '0', DATA_DIR: '/proc/no/data' });
  expect(await ended).toEqual([1, null]);
});

test('a command whose output has no room says so in one line, fails, and leaves no server', async () => {
  const { ended, said } = start(['src/cli.ts', 'roles', 'list'], [full, 'pipe']);
  expect(await ended).toEqual([1, null]);
  expect(said()).toMatch(/^The output could not be written \(ENOSPC\)/m);
  expect(said()).not.toMatch(/^ +at /m);
  expect(processesHere()).toEqual([]);
});

test('a command that has no room for its warnings does its work', async () => {
  const { ended, said } = start(['src/cli.ts', 'roles', 'list'], ['pipe', full]);
  expect(await ended).toEqual([0, null]);
  expect(said()).toMatch(/^admin /m);
  expect(processesHere()).toEqual([]);
});
