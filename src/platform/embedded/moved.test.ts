// The folder goes while the server runs: what docs/embedded-postgresql.md says not to do, and somebody does.
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import {
  copyMade,
  log,
  place,
  query,
  server,
  useEmbeddedFolders,
  useMadeCluster,
} from '../../../test/support/embedded.ts';
import { openEmbedded } from './open.ts';
import { isAlive } from './postmaster.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
useEmbeddedFolders();
useMadeCluster();

test('a release ends the server of a folder that was moved or removed', async () => {
  for (const take of [
    () => renameSync(place.dataDir, `${place.dataDir}-moved`),
    () => rmSync(place.dataDir, { recursive: true }),
  ]) {
    copyMade();
    const embedded = await openEmbedded({ dataDir: place.dataDir, log });
    const pid = server()?.pid ?? 0;
    take();
    await embedded.release();
    expect(isAlive(pid)).toBe(false);
  }
});

test('a server that was left running in a folder that was moved is started again where people can come in', async () => {
  copyMade();
  const left = await openEmbedded({ dataDir: place.dataDir, log });
  await query(left, 'create table kept (id int)');
  const moved = `${place.dataDir}-moved`;
  renameSync(place.dataDir, moved);
  const embedded = await openEmbedded({ dataDir: moved, log });
  expect(await query(embedded, 'select * from kept')).toEqual([]);
  await left.release();
  expect(await query(embedded, 'select * from kept')).toEqual([]);
  await embedded.release();
});

test('a server whose socket was removed under us is started again', async () => {
  copyMade();
  const embedded = await openEmbedded({ dataDir: place.dataDir, log });
  rmSync(join(place.dataDir, 'pg/run'), { recursive: true });
  await expect
    .poll(() => query(embedded, 'select 1 as one').catch(() => null), { timeout: 10_000 })
    .toEqual([{ one: 1 }]);
  await embedded.release();
});
