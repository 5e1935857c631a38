import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import {
  hold,
  isRoot,
  log,
  NOBODY,
  place,
  query,
  server,
  useEmbeddedFolders,
} from '../../../test/support/embedded.ts';
import { canReach } from './account.ts';
import { openEmbedded } from './open.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
useEmbeddedFolders();

test('a folder whose path is too long for a socket gets a private one elsewhere, which goes with the server', async () => {
  place.dataDir = join(place.base, 'a-long-name-of-a-folder'.repeat(4), 'data');
  const embedded = await openEmbedded({ dataDir: place.dataDir, log });
  const folder = embedded.connection.host as string;
  expect(folder).toContain('entrecore-auth-');
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(await query(embedded, 'select 1 as one')).toEqual([{ one: 1 }]);
  const other = hold();
  expect((await other.hear('open')).url).toBe(embedded.url);
  other.tell('release');
  await other.hear('released');
  await embedded.release();
  expect(existsSync(folder)).toBe(false);
});

describe.runIf(isRoot && canReach(process.cwd(), NOBODY))('started by root', () => {
  test('the server runs as an unprivileged user, who owns only its own folder', async () => {
    mkdirSync(place.dataDir, { mode: 0o711 });
    writeFileSync(join(place.dataDir, 'secret'), 'ours', { mode: 0o600 });
    const embedded = await openEmbedded({ dataDir: place.dataDir, log });
    expect(statSync(`/proc/${server()?.pid}`).uid).toBe(NOBODY.uid);
    expect(statSync(join(place.dataDir, 'pg')).uid).toBe(NOBODY.uid);
    expect(statSync(join(place.dataDir, 'secret')).uid).toBe(0);
    expect(statSync(place.dataDir).uid).toBe(0);
    await embedded.release();
  });

  test('where that user cannot reach the folder, the data lies under /var/lib and the log says so', async () => {
    chmodSync(place.base, 0o700);
    const warnings: unknown[] = [];
    const warned = {
      ...log,
      info: () => {},
      warn: (text: unknown) => warnings.push(text),
    } as unknown as typeof log;
    const embedded = await openEmbedded({ dataDir: place.dataDir, log: warned });
    const staged = realpathSync(join(place.dataDir, 'pg'));
    expect(staged).toMatch(/^\/var\/lib\/entrecore-auth\/data-/);
    expect(warnings.join()).toContain(staged);
    await query(embedded, 'create table kept as select 42 as n');
    await embedded.release();
    const again = await openEmbedded({ dataDir: place.dataDir, log });
    expect(await query(again, 'select n from kept')).toEqual([{ n: 42 }]);
    await again.release();

    rmSync(place.dataDir, { recursive: true });
    const anew = await openEmbedded({ dataDir: place.dataDir, log, durable: false });
    const other = realpathSync(join(place.dataDir, 'pg'));
    expect(await query(anew, "select to_regclass('kept') as kept")).toEqual([{ kept: null }]);
    await anew.release();
    for (const folder of [staged, other]) rmSync(folder, { recursive: true });
  });

  test("an unprivileged user's start makes its own, and root's commands join it without taking it away", async () => {
    mkdirSync(place.dataDir);
    chownSync(place.dataDir, NOBODY.uid, NOBODY.gid);
    const service = hold(NOBODY);
    const { url } = await service.hear('open');
    const command = await openEmbedded({ dataDir: place.dataDir, log });
    expect(command.url).toBe(url);
    await command.release();
    expect(server()?.alive).toBe(true);
    service.tell('release');
    await service.hear('released');
    const again = hold(NOBODY);
    await again.hear('open');
  });
});
