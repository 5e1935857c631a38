import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const CORES = availableParallelism();

/** What the lines print as JSON in a process of their own, whose pool nothing has used. */
async function inProcess(lines: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const { UV_THREADPOOL_SIZE: _, ...inherited } = process.env;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', lines], {
    cwd: import.meta.dirname,
    env: { ...inherited, ...env },
  });
  return JSON.parse(stdout);
}

const threadsFor = (algorithm: string, env?: NodeJS.ProcessEnv) =>
  inProcess(
    `import { hashThreads, sizeThreadPool } from './hash-threads.ts';
     sizeThreadPool('${algorithm}');
     console.log(JSON.stringify({ pool: process.env.UV_THREADPOOL_SIZE, ...hashThreads() }));`,
    env,
  );

test('short hashes have a thread a core and the next one ready, long ones leave threads to others', async () => {
  expect(await threadsFor('argon2id')).toEqual({ pool: `${CORES}`, hashes: CORES, aheadBelowMs: 50 });
  expect(await threadsFor('bcrypt')).toEqual({ pool: `${CORES + 2}`, hashes: CORES, aheadBelowMs: 0 });
});

test('who sets UV_THREADPOOL_SIZE is heard, and no more hashes run than there are threads', async () => {
  for (const algorithm of ['argon2id', 'bcrypt']) {
    const one = await threadsFor(algorithm, { UV_THREADPOOL_SIZE: '1' });
    expect(one).toEqual({ pool: '1', hashes: 1, aheadBelowMs: 50 });
    const many = await threadsFor(algorithm, { UV_THREADPOOL_SIZE: `${CORES + 1}` });
    expect(many).toEqual({ pool: `${CORES + 1}`, hashes: CORES, aheadBelowMs: 0 });
  }
});

// The handshake of a connection to PostgreSQL is a dozen such steps.
test('what else uses the pool does not wait for the hashes of bcrypt', async () => {
  const order = await inProcess(
    `import { sizeThreadPool } from './hash-threads.ts';
     sizeThreadPool('bcrypt');
     const { openHasher } = await import('./hasher.ts');
     const hasher = openHasher({ hash: 'bcrypt', bcryptCost: 12, argon2MemoryKib: 64, argon2Passes: 1, queueMax: 128 });
     const ended = [];
     const hashes = Array.from({ length: ${2 * CORES} }, () => hasher.hash('right').then(() => ended.push('hash')));
     for (let step = 0; step < 12; step++) await crypto.subtle.digest('SHA-256', Buffer.from('another'));
     ended.push('another');
     await Promise.all(hashes);
     console.log(JSON.stringify(ended));`,
  );
  expect(order).toEqual(['another', ...Array<string>(2 * CORES).fill('hash')]);
});
