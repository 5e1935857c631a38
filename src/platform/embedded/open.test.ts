import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, test, vi } from 'vitest';
import {
  cluster,
  copyMade,
  hold,
  isRoot,
  log,
  NOBODY,
  place,
  query,
  server,
  serverProcesses,
  useEmbeddedFolders,
  useMadeCluster,
} from '../../../test/support/embedded.ts';
import { openEmbedded } from './open.ts';
import { isAlive } from './postmaster.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
useEmbeddedFolders();
useMadeCluster();

test('a first start makes a private, checksummed, syncing cluster behind scram, and a release leaves no process', async () => {
  const embedded = await openEmbedded({ dataDir: place.dataDir, log });
  const settings = await query(
    embedded,
    `select name, setting from pg_settings where name in
       ('data_checksums', 'fsync', 'listen_addresses', 'unix_socket_permissions', 'password_encryption') order by name`,
  );
  expect(settings).toEqual([
    { name: 'data_checksums', setting: 'on' },
    { name: 'fsync', setting: 'on' },
    { name: 'listen_addresses', setting: '' },
    { name: 'password_encryption', setting: 'scram-sha-256' },
    { name: 'unix_socket_permissions', setting: '0700' },
  ]);
  expect(await query(embedded, 'select rolsuper from pg_roles where rolname = current_user')).toEqual([
    { rolsuper: false },
  ]);
  const rules = readFileSync(join(cluster(), 'pg_hba.conf'), 'utf8').match(/^[^#\n].*/gm) ?? [];
  expect(new Set(rules.map(rule => rule.trim().split(/\s+/).at(-1)))).toEqual(new Set(['scram-sha-256']));
  expect(statSync(join(place.dataDir, 'pg')).mode & 0o777).toBe(0o700);
  expect(statSync(join(place.dataDir, 'pg/run')).mode & 0o777).toBe(0o700);
  expect(statSync(join(place.dataDir, 'pg/password')).mode & 0o777).toBe(0o600);
  await expect(query({ url: embedded.url.replace(/:[^:@]+@/, ':wrong@') }, 'select 1')).rejects.toThrow(
    'password authentication failed',
  );

  const processes = serverProcesses();
  expect(processes.length).toBeGreaterThan(3);
  await embedded.release();
  await embedded.release();
  // The process that writes the log ends when the last of the others has closed it.
  await expect.poll(() => processes.filter(isAlive), { timeout: 5_000 }).toEqual([]);
  expect(server()).toBeNull();
});

test('a later start finds what was written', async () => {
  copyMade();
  const first = await openEmbedded({ dataDir: place.dataDir, log });
  await query(first, 'create table kept as select 42 as n');
  await first.release();

  const second = await openEmbedded({ dataDir: place.dataDir, log });
  expect(second.url).toBe(first.url);
  expect(await query(second, 'select n from kept')).toEqual([{ n: 42 }]);
  await second.release();
});

test('a start that crashed inside initdb leaves nothing that the next takes for a cluster', async () => {
  const half = join(place.dataDir, 'pg', 'cluster.new');
  mkdirSync(half, { recursive: true });
  writeFileSync(join(half, 'PG_VERSION'), '18\n');
  writeFileSync(join(place.dataDir, 'pg', 'password'), 'of the start that crashed');
  const embedded = await openEmbedded({ dataDir: place.dataDir, log });
  expect(await query(embedded, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(existsSync(half)).toBe(false);
  await embedded.release();
});

test('after kill -9 of its only holder the server runs on, and the next start adopts that very one', async () => {
  copyMade();
  const holder = hold();
  await holder.hear('open');
  const left = server();
  await holder.kill();
  expect(isAlive(left?.pid ?? 0)).toBe(true);

  const next = await openEmbedded({ dataDir: place.dataDir, log });
  expect(server()?.pid).toBe(left?.pid);
  expect(await query(next, 'select 1 as one')).toEqual([{ one: 1 }]);
  await next.release();
  expect(isAlive(left?.pid ?? 0)).toBe(false);
});

test('of several holders, one of them killed, the last to go out stops the server', async () => {
  copyMade();
  const [first, killed, last] = [hold(), hold(), hold()];
  await Promise.all([first.hear('open'), killed.hear('open'), last.hear('open')]);
  const pid = server()?.pid ?? 0;
  first.tell('release');
  await first.hear('released');
  expect(isAlive(pid)).toBe(true);
  await killed.kill();
  const ours = await openEmbedded({ dataDir: place.dataDir, log });
  await ours.release();
  expect(isAlive(pid)).toBe(true);
  last.tell('release');
  await last.hear('released');
  expect(isAlive(pid)).toBe(false);
});

test('first starts at once on one empty folder all work, on one cluster', async () => {
  const racers = [hold(), hold(), hold(), hold()];
  const opened = await Promise.all(racers.map(racer => racer.hear('open')));
  expect(new Set(opened.map(({ url }) => url)).size).toBe(1);
  const [{ url }] = opened as [{ url: string }];
  expect(await query({ url }, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a release that races a start never takes the server from under it', async () => {
  copyMade();
  let before = await openEmbedded({ dataDir: place.dataDir, log });
  for (let round = 0; round < 8; round++) {
    const [, after] = await Promise.all([before.release(), openEmbedded({ dataDir: place.dataDir, log })]);
    expect(await query(after, 'select 1 as one')).toEqual([{ one: 1 }]);
    before = after;
  }
  await before.release();
});

// One of the server's workers may have ended since they were listed.
function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

test('kill -9 of everything loses no acknowledged row', async () => {
  copyMade();
  for (let round = 0; round < 3; round++) {
    const writer = hold();
    await writer.hear('open');
    writer.tell('write');
    await writer.hear('acknowledged');
    await sleep(50 + round * 70);
    for (const pid of [writer.child.pid as number, ...serverProcesses()]) killNow(pid);
    await writer.kill();
    await sleep(20);
    const acknowledged = writer.messages.filter(({ event }) => event === 'acknowledged').map(({ n }) => n);
    expect(acknowledged.length).toBeGreaterThan(1);

    const next = await openEmbedded({ dataDir: place.dataDir, log });
    const rows = await query(next, 'select n from acknowledged order by n');
    expect(rows.map(({ n }) => n).slice(0, acknowledged.length)).toEqual(acknowledged);
    await query(next, 'drop table acknowledged');
    await next.release();
  }
});

test('a server that dies under us is started again on the same socket, once for all holders', async () => {
  copyMade();
  const other = hold();
  await other.hear('open');
  const ours = await openEmbedded({ dataDir: place.dataDir, log });
  const before = server()?.pid ?? 0;
  process.kill(before, 'SIGKILL');
  const another = () => {
    const found = server();
    return found !== null && found.alive && found.pid !== before && found.status;
  };
  await expect.poll(another, { timeout: 20_000 }).toBe('ready');
  const after = server()?.pid;
  await sleep(1_200);
  expect(server()?.pid).toBe(after);
  expect(await query(ours, 'select 1 as one')).toEqual([{ one: 1 }]);
  await ours.release();
});

test("a dead server's pid that now belongs to a stranger does not hinder a start", async () => {
  copyMade();
  const embedded = await openEmbedded({ dataDir: place.dataDir, log });
  const path = join(cluster(), 'postmaster.pid');
  const content = readFileSync(path, 'utf8').split('\n');
  await embedded.release();
  const stranger = spawn('sleep', ['60'], isRoot ? NOBODY : {});
  try {
    writeFileSync(path, [stranger.pid, ...content.slice(1)].join('\n'), { mode: 0o600 });
    if (isRoot) chownSync(path, NOBODY.uid, NOBODY.gid);
    const next = await openEmbedded({ dataDir: place.dataDir, log });
    expect(await query(next, 'select 1 as one')).toEqual([{ one: 1 }]);
    await next.release();
    expect(stranger.exitCode).toBeNull();
  } finally {
    stranger.kill();
  }
});

test('a cluster of another major version is refused with what to do, and left alone', async () => {
  copyMade();
  await (await openEmbedded({ dataDir: place.dataDir, log })).release();
  const path = join(cluster(), 'PG_VERSION');
  writeFileSync(path, '17\n');
  await expect(openEmbedded({ dataDir: place.dataDir, log })).rejects.toThrow(
    /was made by PostgreSQL 17.*brings PostgreSQL 18/,
  );
  writeFileSync(path, '18\n');
});

test('an initdb that outlived its killed service, and still writes, does not spoil the next start', async () => {
  const left = join(place.dataDir, 'pg', 'cluster.new');
  const script = 'while :; do mkdir -p "$0/base"; date > "$0/base/$RANDOM"; done';
  const orphan = spawn('bash', ['-c', script, left], { detached: true });
  try {
    await expect.poll(() => existsSync(join(left, 'base'))).toBe(true);
    const embedded = await openEmbedded({ dataDir: place.dataDir, log });
    expect(await query(embedded, 'select 1 as one')).toEqual([{ one: 1 }]);
    await embedded.release();
  } finally {
    // With what it runs at the moment, which would go on writing.
    process.kill(-(orphan.pid as number), 'SIGKILL');
    if (orphan.exitCode === null && orphan.signalCode === null)
      await new Promise(ended => orphan.once('exit', ended));
  }
  await (await openEmbedded({ dataDir: place.dataDir, log })).release();
  expect(existsSync(left)).toBe(false);
});

test('a cluster that cannot be written is said at once, without the log of earlier runs', async () => {
  copyMade();
  await (await openEmbedded({ dataDir: place.dataDir, log })).release();
  // Of whoever runs the server: root itself may write everywhere.
  chmodSync(cluster(), 0o500);
  const began = performance.now();
  const refusal = await openEmbedded({ dataDir: place.dataDir, log }).catch((error: Error) => error.message);
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(refusal).toMatch(
    /^The embedded PostgreSQL ended \(1\) while it started: [^\n]*postmaster\.pid[^\n]*\nLook after/,
  );
  chmodSync(cluster(), 0o700);
});

test('a server that somebody tells to stop is started again, though it would wait for those who are connected', async () => {
  copyMade();
  const ours = await openEmbedded({ dataDir: place.dataDir, log });
  const client = new pg.Client({ connectionString: ours.url });
  client.on('error', () => {});
  await client.connect();
  const before = server()?.pid ?? 0;
  process.kill(before, 'SIGTERM');
  const another = () => server()?.pid !== before && server()?.status;
  await expect.poll(another, { timeout: 20_000 }).toBe('ready');
  expect(await query(ours, 'select 1 as one')).toEqual([{ one: 1 }]);
  await ours.release();
});

test('a server that hangs is ended all the same, and recovers', async () => {
  copyMade();
  const ours = await openEmbedded({ dataDir: place.dataDir, log });
  await query(ours, 'create table kept as select 42 as n');
  const hung = server()?.pid ?? 0;
  process.kill(hung, 'SIGSTOP');
  await ours.release();
  expect(isAlive(hung)).toBe(false);
  const next = await openEmbedded({ dataDir: place.dataDir, log });
  expect(await query(next, 'select n from kept')).toEqual([{ n: 42 }]);
  await next.release();
});

test('a start that waits for a server which another process started ends when it is told to', async () => {
  copyMade();
  const holder = hold();
  await holder.hear('open');
  const path = join(cluster(), 'postmaster.pid');
  const pidFile = readFileSync(path, 'utf8');
  writeFileSync(path, pidFile.replace(/ready/, 'start'));
  const waiting = openEmbedded({ dataDir: place.dataDir, log, signal: AbortSignal.timeout(300) });
  await expect(waiting).rejects.toThrow('timeout');
  writeFileSync(path, pidFile);
  holder.tell('release');
  await holder.hear('released');
});
