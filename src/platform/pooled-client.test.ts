import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
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
