import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
import { openPooler } from '../../test/support/pooler.ts';
import { openDatabase } from './database.ts';
import { sql } from './sql.ts';

const AUTHORITY = join(import.meta.dirname, '../../test/support/tls/localhost.crt');

test('while a certificate that the URL names is being replaced, who needs a new connection finds no database, and the process lives', async () => {
  const { url, close } = await testDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'authority-'));
  const [authority, away] = [join(folder, 'ca.pem'), join(folder, 'away.pem')];
  copyFileSync(AUTHORITY, authority);
  const named = new URL(url);
  named.searchParams.set('sslmode', 'disable');
  named.searchParams.set('sslrootcert', authority);
  const db = openDatabase({ connection: { connectionString: named.href }, poolMax: 1, prepare: true });
  const one = sql`select 1 as one`;
  const unavailable = { code: 'database_unavailable' };
  try {
    const ended = db.transaction(async tx => {
      await tx.row(one);
      renameSync(authority, away);
      await tx.row(sql`select pg_terminate_backend(pg_backend_pid())`);
    });
    const waiting = Promise.all([db.transaction(tx => tx.row(one)), db.row(one)]);
    await Promise.all([
      expect(ended).rejects.toMatchObject(unavailable),
      expect(waiting).rejects.toMatchObject({ ...unavailable, cause: { code: 'ENOENT', path: authority } }),
    ]);
    await expect(db.row(one)).rejects.toMatchObject(unavailable);
    renameSync(away, authority);
    expect(await db.row(one)).toEqual({ one: 1 });
  } finally {
    await db.close();
    rmSync(folder, { recursive: true });
    await close();
  }
});

test('a connection to a primary is kept, even if a pooler still says that it leads to a standby', async () => {
  const { url, close } = await testDatabase();
  const pooler = await lyingPooler(url);
  const db = openDatabase({ connection: { connectionString: pooler.url }, poolMax: 1, prepare: true });
  const backend = sql`select current_setting('in_hot_standby') as standby, pg_backend_pid() as pid`;
  try {
    const first = await db.row(backend);
    expect(first).toMatchObject({ standby: 'off' });
    expect(pooler.lies()).toBe(1);
    expect(await db.row(backend)).toEqual(first);
    expect(await db.transaction(tx => tx.row(backend))).toEqual(first);
  } finally {
    await db.close();
    pooler.close();
    await close();
  }
});

// As pgbouncer 1.18 answers after its server was replaced: with what the former one said at its start.
async function lyingPooler(url: string) {
  const [truth, lie] = ['off', 'on'].map(value => parameterStatus('in_hot_standby', value)) as [
    Buffer,
    Buffer,
  ];
  let lies = 0;
  const pooler = await openPooler(url, (near, reach) => {
    const far = reach();
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      const at = chunk.indexOf(truth);
      if (at !== -1) lies++;
      near.write(
        at === -1 ? chunk : Buffer.concat([chunk.subarray(0, at), lie, chunk.subarray(at + truth.length)]),
      );
    });
  });
  return { ...pooler, lies: () => lies };
}

function parameterStatus(name: string, value: string): Buffer {
  const head = Buffer.from('S\0\0\0\0');
  const text = Buffer.from(`${name}\0${value}\0`);
  head.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([head, text]);
}
