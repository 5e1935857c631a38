import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { copyMade, log, place, useEmbeddedFolders, useMadeCluster } from '../../test/support/embedded.ts';
import { tcpProxy } from '../../test/support/tcp-proxy.ts';
import { openDatabase } from './database.ts';
import { findBinaries } from './embedded/binaries.ts';
import { prepareFolders } from './embedded/folders.ts';
import { openEmbedded } from './embedded/open.ts';
import { sql } from './sql.ts';

useMadeCluster();
useEmbeddedFolders();

let standby: ChildProcess | undefined;
afterEach(async () => {
  if (standby === undefined || standby.exitCode !== null) return;
  standby.kill('SIGINT');
  await once(standby, 'exit');
});

const standing = sql`select pg_is_in_recovery() as standby`;

test('no connection to a standby outlasts the moment in which the address led there', async () => {
  copyMade();
  const primaryDir = join(place.base, 'primary');
  execFileSync('cp', ['-a', place.dataDir, primaryDir]);
  const socketFolder = startStandby();
  const primary = await openEmbedded({ dataDir: primaryDir, log });
  const { host, port, ...role } = primary.connection as { host: string; port: number };
  const target: NetConnectOpts & { path: string } = { path: join(socketFolder, `.s.PGSQL.${port}`) };
  const address = await tcpProxy(target);
  const db = openDatabase({
    connection: { ...role, host: '127.0.0.1', port: address.port },
    poolMax: 3,
    prepare: true,
  });
  const inTransaction = () => db.transaction(tx => tx.row(standing));
  const asked = () => Promise.all([db.row(standing), db.row(standing), inTransaction()]);
  try {
    const there = { standby: true };
    await expect.poll(() => db.row(standing).catch(() => null), { timeout: 10_000 }).toEqual(there);
    expect(await asked()).toEqual([there, there, there]);
    target.path = join(host, `.s.PGSQL.${port}`);
    const here = { standby: false };
    expect(await asked()).toEqual([here, here, here]);
    expect(await db.run(sql`create table written ()`)).toBe(0);
    const backend = sql`select pg_backend_pid() as pid`;
    expect(await db.row(backend)).toEqual(await db.row(backend));
  } finally {
    await db.close();
    await address.close();
    await primary.release();
  }
});

/** Starts the server of the present folder as a standby that follows nobody, as where its primary was lost. */
function startStandby(): string {
  const { cluster, account } = prepareFolders(place.dataDir, log);
  const { postgres, env } = findBinaries(prepareFolders(place.dataDir, log), log);
  writeFileSync(join(cluster, 'standby.signal'), '');
  const socketFolder = execFileSync('mktemp', ['-d', join(place.base, 'standby-XXXX')], {
    encoding: 'utf8',
  }).trim();
  if (account !== null) execFileSync('chown', [`${account.uid}:${account.gid}`, socketFolder]);
  const settings = { listen_addresses: '', unix_socket_directories: socketFolder };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  standby = spawn(postgres, ['-D', cluster, ...args], { env, stdio: 'ignore', ...account });
  return socketFolder;
}
