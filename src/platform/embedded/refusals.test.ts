import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import {
  cluster,
  copyMade,
  log,
  place,
  query,
  useEmbeddedFolders,
  useMadeCluster,
} from '../../../test/support/embedded.ts';
import { openEmbedded } from './open.ts';

// What a data folder may be called, and what is said of one that cannot be used.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
useEmbeddedFolders();
useMadeCluster();

const open = () => openEmbedded({ dataDir: place.dataDir, log });
const refusal = () =>
  open().then(
    () => 'none',
    (error: Error & { expected?: boolean }) => (error.expected === true ? error.message : `raw: ${error}`),
  );

test('a folder may have spaces, commas and quotes in its path', async () => {
  place.dataDir = join(place.base, `a b, 'c' "d"`, 'data');
  copyMade();
  const embedded = await open();
  expect(embedded.connection.host).toBe(join(place.dataDir, 'pg', 'run'));
  expect(await query(embedded, 'select 1 as one')).toEqual([{ one: 1 }]);
  await embedded.release();
});

test('a path that is too long for the locks is refused', async () => {
  place.dataDir = join(place.base, `${'long'.repeat(30)}/`.repeat(4));
  expect(await refusal()).toMatch(/^DATA_DIR: .* has a path of \d+ bytes, .* takes 450 at most/);
});

test.each<[string, string, string, RegExp]>([
  ['a cluster without its version', 'cluster/PG_VERSION', '', /no PG_VERSION.*backup.*Nothing was changed/],
  ['a password that is empty', 'password', '\n', /pg\/password, is missing or empty\. Restore it/],
  ['a password that is missing', 'password', '', /pg\/password, is missing or empty\. Restore it/],
  [
    'a lock that is none',
    'gate.lock',
    'no lock at all '.repeat(40),
    /gate\.lock cannot be locked: .*no data/,
  ],
])(
  '%s is said with what to do, and once it is mended the data is there',
  async (_name, file, content, message) => {
    copyMade();
    const path = join(place.dataDir, 'pg', file);
    const before = readFileSync(path);
    rmSync(path);
    if (content !== '') writeFileSync(path, content);
    expect(await refusal()).toMatch(message);
    writeFileSync(path, before);
    const embedded = await open();
    expect(await query(embedded, 'select 1 as one')).toEqual([{ one: 1 }]);
    await embedded.release();
  },
);

test('a folder where the socket should be, and a pid file of nonsense, hinder no start', async () => {
  copyMade();
  mkdirSync(join(place.dataDir, 'pg', 'run', '.s.PGSQL.5432'), { recursive: true });
  writeFileSync(join(cluster(), 'postmaster.pid'), 'nonsense\n');
  const embedded = await open();
  expect(await query(embedded, 'select 1 as one')).toEqual([{ one: 1 }]);
  await embedded.release();
});

/** What a script says beside a disk of this size in DATA_DIR, after `before` was done there. */
function onSmallDisk(size: string, before: string, script: string): string {
  mkdirSync(place.dataDir, { mode: 0o711 });
  const shell = `mount -t tmpfs -o size=${size},mode=711 tmpfs "$1" || exit 77
    cd "$1"; ${before}; exec "$2" --input-type=module -e "$3"`;
  const args = ['--mount', 'sh', '-c', shell, 'sh', place.dataDir, process.execPath, script];
  const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 60_000 });
  return status === 77 || status === null ? 'not permitted' : `${stdout}${stderr}`;
}
const module = (name: string) => JSON.stringify(new URL(`./${name}`, import.meta.url).href);
const DATA_DIR = () => JSON.stringify(place.dataDir);

test('the locks need no room on a full disk, so that a server there is stopped and started again', ({
  skip,
}) => {
  const said = onSmallDisk(
    '64k',
    ': > gate.lock; dd if=/dev/zero of=fill bs=1k 2>/dev/null',
    `import { tryExclusive } from ${module('lock.ts')};
     const lock = tryExclusive('gate.lock');
     console.log(lock !== null && tryExclusive('gate.lock') === null ? 'locked' : 'open')`,
  );
  skip(said === 'not permitted', 'this user may not mount a small disk');
  expect(said).toBe('locked\n');
});

test('a disk that is too small for a cluster is said with what to do', ({ skip }) => {
  const said = onSmallDisk(
    '8m',
    'true',
    `import { openEmbedded } from ${module('open.ts')}; import { openLog } from ${module('../log.ts')};
     await openEmbedded({ dataDir: ${DATA_DIR()}, log: openLog('silent') }).catch(error => console.log(error.message))`,
  );
  skip(said === 'not permitted', 'this user may not mount a small disk');
  expect(said).toMatch(
    /^The embedded PostgreSQL cannot be made: [^]*free space of .* \(60 MB to begin with\)/,
  );
});
