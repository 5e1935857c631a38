import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import {
  cluster,
  copyMade,
  hold,
  isRoot,
  log,
  place,
  query,
  useEmbeddedFolders,
  useMadeCluster,
} from '../../../test/support/embedded.ts';
import { openEmbedded } from './open.ts';

// Two containers on one DATA_DIR: what one of them runs, the other cannot see.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
useEmbeddedFolders();
useMadeCluster();

const CONTAINER = ['unshare', '--pid', '--ipc', '--fork', '--mount-proc', '--kill-child'];
// The first process of the container is then another than the service, as with an init, and outlives it.
const WITH_INIT = [...CONTAINER, 'sh', '-c', 'exec 3<&0; "$@" <&3 & wait; exec sleep 600', 'sh'];
const [unshare = '', ...flags] = CONTAINER;
const mayUnshare = spawnSync(unshare, [...flags, 'true']).status === 0;
const REFUSAL = /^Another container, namespace or machine uses .* DATA_DIR.*DATABASE_URL/;

beforeEach(({ skip }) => {
  skip(!mayUnshare, 'this user may not make a PID namespace');
  copyMade();
});

const openHere = () => openEmbedded({ dataDir: place.dataDir, log });
const pidFile = () => readFileSync(join(cluster(), 'postmaster.pid'), 'utf8');
/** The processes whose arguments hold this, by their pids out here. */
const running = (words: string) =>
  execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes(words) && !line.includes('unshare') && !line.includes(' sh -c '))
    .map(line => Number.parseInt(line, 10));
const killAll = (pids: readonly number[]) => {
  expect(pids).toHaveLength(1);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
};
const postmaster = () => running(`-D ${cluster()} `);

test('a folder that another container uses is refused, its server is left alone, and it is free once that has gone', async () => {
  const other = hold({}, CONTAINER);
  const { url } = (await other.hear('open')) as { url: string };
  await query({ url }, 'create table kept as select 42 as n');
  const before = pidFile();
  await expect(openHere()).rejects.toThrow(REFUSAL);
  expect(pidFile()).toBe(before);
  expect(await query({ url }, 'select n from kept')).toEqual([{ n: 42 }]);

  other.tell('release');
  await other.hear('released');
  const ours = await openHere();
  expect(await query(ours, 'select n from kept')).toEqual([{ n: 42 }]);
  await ours.release();
});

test('it is refused as well while the server of the other one is down', async () => {
  const other = hold({}, CONTAINER);
  await other.hear('open');
  // Stopped, it does not start the server again before we have looked.
  const [holder = 0] = running(`holder-process.ts ${place.dataDir}`);
  process.kill(holder, 'SIGSTOP');
  killAll(postmaster());
  await expect.poll(postmaster).toEqual([]);
  await expect(openHere()).rejects.toThrow(REFUSAL);
  process.kill(holder, 'SIGCONT');
});

test('a server that outlived its killed service in another container is refused, and one that died with it is not', async () => {
  const other = hold({}, WITH_INIT);
  const { url } = (await other.hear('open')) as { url: string };
  await query({ url }, 'create table kept as select 42 as n');
  const holders = () => running(`holder-process.ts ${place.dataDir}`);
  killAll(holders());
  await expect.poll(holders).toEqual([]);
  const before = pidFile();
  await expect(openHere()).rejects.toThrow(REFUSAL);
  expect(pidFile()).toBe(before);
  expect(await query({ url }, 'select n from kept')).toEqual([{ n: 42 }]);

  await other.kill();
  await expect.poll(postmaster).toEqual([]);
  const ours = await openHere();
  expect(await query(ours, 'select n from kept')).toEqual([{ n: 42 }]);
  await ours.release();
});

test('such a server is refused as well where the other container had the folder under another name', async () => {
  const there = join(place.base, 'there');
  mkdirSync(there);
  const renamed = 'mount --bind "$3" "$0" || exit 1; exec 3<&0; "$1" "$2" "$0" <&3 & wait; exec sleep 600';
  const other = hold({}, [...CONTAINER, 'sh', '-c', renamed, there]);
  await other.hear('open');
  const holders = () => running(`holder-process.ts ${there}`);
  killAll(holders());
  await expect.poll(holders).toEqual([]);
  const before = pidFile();
  await expect(openHere()).rejects.toThrow(REFUSAL);
  expect(pidFile()).toBe(before);
});

test('root without CAP_SYS_PTRACE, as in a container, still shares the server of another user', async ({
  skip,
}) => {
  skip(!isRoot, 'for root alone');
  const confined = ['setpriv', '--bounding-set', '-sys_ptrace', '--inh-caps', '-sys_ptrace'];
  const [first, second] = [hold({}, confined), hold({}, confined)];
  await Promise.all([first.hear('open'), second.hear('open')]);
  const [pid] = postmaster();
  first.tell('release');
  await first.hear('released');
  expect(postmaster()).toEqual([pid]);
  second.tell('release');
  await second.hear('released');
  expect(postmaster()).toEqual([]);
});
