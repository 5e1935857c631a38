import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/**
 * Where each half of the machine works when it is split: the service and the ceilings of what it does on the one, PostgreSQL and
 * the load on the other, as where the targets were set.
 */
export const CORES = { service: 0, rest: 1 } as const;

/** Keeps a process, and whatever it starts from now on, on these cores. Linux alone, with `taskset`. */
export async function pin(pid: number, cores: number | string): Promise<void> {
  await run('taskset', ['--all-tasks', '--cpu-list', '--pid', String(cores), String(pid)]);
}

/** Keeps every process of a server of this machine on one core, until what it returns is called. The user must be allowed to. */
export async function pinPostgres(url: string, core: number): Promise<() => Promise<void>> {
  const postmaster = await findPostmaster(url);
  const before = /^Cpus_allowed_list:\s+(\S+)$/m.exec(
    readFileSync(`/proc/${postmaster}/status`, 'utf8'),
  )?.[1] as string;
  const pinAll = async (cores: string) => {
    await pin(postmaster, cores);
    // Of its children some may end meanwhile; those that begin have their place from it.
    for (const child of childrenOf(postmaster)) await pin(child, cores).catch(() => {});
  };
  await pinAll(String(core));
  return () => pinAll(before);
}

async function findPostmaster(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return parentOf((rows[0] as { pid: number }).pid);
  } finally {
    await client.end();
  }
}

const childrenOf = (parent: number) =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && parentOf(Number(name)) === parent)
    .map(Number);

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return Number.NaN;
  }
}
