import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
 * gone afterwards. It does not sync, since nothing in it is to survive; and it lies in memory where there is room, since a
 * file system on a disk slows down as hundreds of databases, of three hundred files each, come and go.
 */
export default async function startServer(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.TEST_DATABASE_URL !== undefined) return undefined;
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
