import { createWriteStream, rmSync } from 'node:fs';
import { realpath, rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Random } from '../platform/random.ts';

/**
 * Writes lines to a file that only its owner can read, whatever was there before: to a new file beside it, which
 * replaces it once it is whole. A pipe or a device is written to directly.
 */
export async function writePrivately(
  { random }: { random: Random },
  path: string,
  lines: AsyncIterable<string>,
): Promise<void> {
  const before = await stat(path).catch(ifThere);
  if (before !== null && !before.isFile()) return pipeline(Readable.from(lines), createWriteStream(path));
  // A symbolic link stays: the file that it leads to is replaced.
  const target = before === null ? path : await realpath(path);
  const partial = `${target}.${random.bytes(6).toString('hex')}.partial`;
  // A signal ends the process before the `catch` below could run.
  const leaveNothing = () => rmSync(partial, { force: true });
  process.once('exit', leaveNothing);
  try {
    // An existing file would keep its mode, so there must be none ("wx").
    await pipeline(
      Readable.from(lines),
      createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true }),
    );
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    process.off('exit', leaveNothing);
  }
}

function ifThere(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
