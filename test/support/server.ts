import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openEmbedded } from '../../src/platform/embedded/open.ts';
import { readPidFile } from '../../src/platform/embedded/postmaster.ts';
import { openLog } from '../../src/platform/log.ts';

const PREFIX = 'entrecore-test-';
const STALE_MS = 10 * 60_000;
const log = openLog('error');
const MEMORY = '/dev/shm';
const ROOM = 2 * 1024 ** 3;
const base = hasRoom(MEMORY) ? MEMORY : realpathSync(tmpdir());

/**
 * One PostgreSQL for the whole run: the caller's (TEST_DATABASE_URL), else an embedded one in a temporary folder that is
 * gone afterwards. It does not sync, since nothing in it is to survive. A file system on a disk slows down as hundreds of
 * databases, of three hundred files each, come and go: it looks long for an inode that was not freed a moment ago. So the
 * embedded one lies in memory where there is room, and on a caller's server they all stay until the end.
 */
export default async function startServer(): Promise<() => Promise<void>> {
  const { TEST_DATABASE_URL: theirs } = process.env;
  if (theirs !== undefined) {
    const run = randomBytes(4).toString('hex');
    process.env.TEST_DATABASE_RUN = run;
    return () => dropDatabases(theirs, `entrecore_test_${run}_`);
  }
  await removeLeftovers();
  const folder = mkdtempSync(join(base, PREFIX));
  // As root, the server's unprivileged user must pass.
  chmodSync(folder, 0o711);
  const server = await openEmbedded({ dataDir: folder, log, durable: false });
  process.env.TEST_DATABASE_URL = server.superuserUrl;
  return async () => {
    await server.release();
    rmSync(folder, { recursive: true, force: true });
  };
}

async function dropDatabases(url: string, prefix: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query('select datname from pg_database where starts_with(datname, $1)', [
      prefix,
    ]);
    for (const { datname } of rows) await client.query(`drop database if exists ${datname} with (force)`);
  } finally {
    await client.end();
  }
}

// What a run left that was killed. The server of one that still goes on has a holder, and is not stopped.
async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(base).filter(entry => entry.startsWith(PREFIX))) {
    const folder = join(base, name);
    const found = statSync(folder, { throwIfNoEntry: false });
    if (found === undefined || found.uid !== process.getuid?.() || Date.now() - found.mtimeMs < STALE_MS)
      continue;
    try {
      await (await openEmbedded({ dataDir: folder, log, durable: false })).release();
      if (readPidFile(join(folder, 'pg', 'cluster'))?.alive !== true)
        rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another run is at it.
    }
  }
}

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > ROOM;
  } catch {
    return false;
  }
}
