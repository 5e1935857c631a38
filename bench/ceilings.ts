import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { query } from './database.ts';

const run = promisify(execFile);
/** Rows that the commits are spread over. */
export const COMMIT_ROWS = 1000;

/**
 * Raw password verifications a second (bench/hash.ts): as many at once as there are cores; or, `keptReady`, on a pool with a
 * thread a core that always has the next one, as the service does it.
 */
export async function hashesPerSecond(
  algorithm: 'argon2id' | 'bcrypt',
  seconds: number,
  { keptReady = false } = {},
): Promise<number> {
  const script = join(import.meta.dirname, 'hash.ts');
  const words = [script, algorithm, String(seconds), keptReady ? '1' : '0'];
  const pool = keptReady && { UV_THREADPOOL_SIZE: String(availableParallelism()) };
  const { stdout } = await run(process.execPath, words, { env: { ...process.env, ...pool } });
  return Number(stdout);
}

/** Who measured the commits: pgbench where it is found, a loop of ours otherwise. */
export const commitsBy = findPgbench() === null ? 'a loop of this program' : 'pgbench';

/** Makes the rows whose updates are the ceiling of every write. */
export async function insertCommitRows(url: string): Promise<void> {
  await query(
    url,
    'create table if not exists bench_rows (id int primary key, n int not null) with (fillfactor = 70)',
    `insert into bench_rows select id, 0 from generate_series(1, ${COMMIT_ROWS}) as id on conflict do nothing`,
  );
}

/** Commits a second of a prepared update of one such row, by this many clients. */
export function commitsPerSecond(url: string, clients: number, seconds: number): Promise<number> {
  const pgbench = findPgbench();
  return pgbench === null ? loop(url, clients, seconds) : bench(pgbench, url, clients, seconds);
}

async function bench(pgbench: string, url: string, clients: number, seconds: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'entrecore-bench-'));
  const script = join(folder, 'update.sql');
  await writeFile(
    script,
    `\\set id random(1, ${COMMIT_ROWS})\nupdate bench_rows set n = n + 1 where id = :id;\n`,
  );
  try {
    const options = ['-n', '-M', 'prepared', '-c', String(clients), '-T', String(seconds), '-f', script, url];
    const { stdout } = await run(pgbench, options);
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function loop(url: string, clients: number, seconds: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: clients });
  const from = performance.now();
  let count = 0;
  const text = 'update bench_rows set n = n + 1 where id = $1';
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (performance.now() - from < seconds * 1000) {
        await pool.query({ name: 'update', text, values: [1 + ((count++ + client * 61) % COMMIT_ROWS)] });
      }
    }),
  );
  const took = (performance.now() - from) / 1000;
  await pool.end();
  return count / took;
}

function findPgbench(): string | null {
  const folder = '/usr/lib/postgresql';
  try {
    const newest = readdirSync(folder).toSorted((a, b) => Number(b) - Number(a))[0];
    const path = join(folder, String(newest), 'bin');
    return readdirSync(path).includes('pgbench') ? join(path, 'pgbench') : null;
  } catch {
    return null;
  }
}
