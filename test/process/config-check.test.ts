import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { deriveSecrets } from '../../src/platform/secrets.ts';
import { sql } from '../../src/platform/sql.ts';
import { type EmptyDatabase, emptyDatabase } from '../migrations/support.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';

// `config check` as an operator runs it, before anything else is there.

const ROOT = join(import.meta.dirname, '../..');
const JWT_SECRET_KEY = 'a jwt secret of the config check, long';

let database: TestDatabase;
let empty: EmptyDatabase;
let folder: string;
beforeAll(async () => {
  [database, empty] = await Promise.all([testDatabase(), emptyDatabase()]);
  folder = mkdtempSync(join(tmpdir(), 'entrecore-check-'));
});
afterEach(() => database.db.run(sql`delete from signing_keys`));
afterAll(async () => {
  await Promise.all([database.close(), empty.close()]);
  rmSync(folder, { recursive: true, force: true });
});

async function check(env: Record<string, string>, cwd = ROOT) {
  const child = spawn(process.execPath, [join(ROOT, 'src/cli.ts'), 'config', 'check'], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    timeout: 60_000,
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out };
}

const rootsKept = () => database.db.rows(sql`select name from service_secrets`);

test('a database that was never migrated is said to be behind, and stays empty', async () => {
  const env = { DATABASE_URL: empty.connection.connectionString, JWT_SECRET_KEY };
  const { code, out } = await check({ ...env, MIGRATE_ON_START: 'true' });
  expect(out).toMatch(/^# Database\n[^]*\n# stored\nschema: \d+ revisions behind.*; a start upgrades it/);
  expect(code).toBe(0);
  expect((await check(env)).out).toMatch(/FAULT: schema: .*npm run db -- upgrade head/);
  expect((await check(env)).code).toBe(1);
  const tables = "select tablename from pg_tables where schemaname = 'public'";
  expect(await empty.query(tables)).toEqual([]);
});

test('beside a fault the effective values are printed, secrets masked', async () => {
  const { code, out } = await check({ JWT_SECRET_KEY, ALGORITHM: 'EdDSA', PORT: 'x' });
  expect(out).toContain('\nALGORITHM=EdDSA  (environment)\n');
  expect(out).not.toContain(JWT_SECRET_KEY);
  expect(out).not.toContain('has no fault');
  expect(code).toBe(1);
});

test('a root secret that is not there yet is said, and not made', async () => {
  const { code, out } = await check({ DATABASE_URL: database.url, JWT_SECRET_KEY });
  expect(out).toContain('schema: at head');
  expect(out).toContain('audit trail: append-only by');
  expect(out).toContain('root secret: none yet; the first start makes one');
  expect(code).toBe(0);
  expect(await rootsKept()).toEqual([]);
});

test('a root secret that lies in the database is warned of as a start does, also once another took its place', async () => {
  const value = Buffer.from('a root secret that was made at the first start, and lies in the database');
  await database.db.run(sql`
    insert into service_secrets (name, value, created_at) values ('auth-root-secret', ${value}::bytea, now())`);
  const env = { DATABASE_URL: database.url, JWT_SECRET_KEY };
  const unset = await check(env);
  const replaced = await check({ ...env, AUTH_ROOT_SECRET: 'the root secret that took the place of it' });
  await database.db.run(sql`delete from service_secrets`);
  expect(unset.out).toMatch(/\nwarning: AUTH_ROOT_SECRET is not set: the one in the database is used/);
  expect(replaced.out).toMatch(/\nwarning: A generated root secret is still in the database: .*keys rewrap/);
  expect([unset.code, replaced.code]).toEqual([0, 0]);
});

test('a root secret that is missing, and one that is not the right one, are faults', async () => {
  const sealed = deriveSecrets('the root secret that the service runs with').seal('signing_keys:one', 'key');
  await database.db.run(sql`
    insert into signing_keys (kid, algorithm, public_jwk, private_key_sealed, created_at, signs_from)
    values ('one', 'ES256', '{}', ${sealed}::bytea, now(), now())`);
  const env = { DATABASE_URL: database.url, JWT_SECRET_KEY };
  const missing = await check(env);
  expect(missing.out).toMatch(/FAULT: AUTH_ROOT_SECRET is missing.*signing_keys\.private_key_sealed/);
  expect(missing.code).toBe(1);
  const wrong = await check({ ...env, AUTH_ROOT_SECRET: 'another root secret than the right one' });
  expect(wrong.out).toMatch(
    /FAULT: signing_keys\.private_key_sealed: 0 under AUTH_ROOT_SECRET, 1 under one that/,
  );
  expect(wrong.code).toBe(1);
  expect(await rootsKept()).toEqual([]);
});

test('migrations that lead to another database, or nowhere, are a fault', async () => {
  const env = { DATABASE_URL: database.url, JWT_SECRET_KEY };
  const same = await check({ ...env, MIGRATE_DATABASE_URL: database.url });
  expect(same.out).toContain('migrations: MIGRATE_DATABASE_URL leads to the same database\n');
  expect(same.code).toBe(0);
  const other = await check({ ...env, MIGRATE_DATABASE_URL: empty.connection.connectionString });
  expect(other.out).toMatch(/FAULT: migrations: MIGRATE_DATABASE_URL leads to the database "entrecore_mig/);
  expect(other.code).toBe(1);
  const nobody = database.url.replace(/\/\/[^@]*@/, '//nobody_at_all:wrong@');
  const refused = await check({ ...env, MIGRATE_DATABASE_URL: nobody });
  expect(refused.out).toMatch(/FAULT: migrations: The database refused the role "nobody_at_all"/);
});

test('a database that takes no writes is a fault', async () => {
  const url = new URL(database.url);
  url.searchParams.set('options', '-c default_transaction_read_only=on');
  const { code, out } = await check({ DATABASE_URL: url.href, JWT_SECRET_KEY });
  expect(out).toMatch(/FAULT: The database takes no writes: .* name the primary/);
  expect(code).toBe(1);
});

test('a database that does not answer is a fault, said after the effective values and within seconds', async () => {
  const url = `postgres://postgres@127.0.0.1:${await freePort()}/postgres`;
  const began = performance.now();
  const { code, out } = await check({ DATABASE_URL: url, JWT_SECRET_KEY });
  expect(out).toMatch(
    /^# Database\n[^]*The configuration has no fault\.\n\n# stored\nFAULT: No database at 127/,
  );
  expect(code).toBe(1);
  expect(performance.now() - began).toBeLessThan(15_000);
});

test('with DB_SSLMODE a server is asked for TLS before anything is said to it, and the fault names DB_SSLMODE', async () => {
  const asked: Buffer[] = [];
  const plain = createServer(socket => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      asked.push(chunk);
      socket.end('N');
    });
  }).listen(0, '127.0.0.1');
  await once(plain, 'listening');
  const { port } = plain.address() as AddressInfo;
  const env = { DB_HOST: '127.0.0.1', DB_PORT: String(port), DB_PASSWORD: 'hidden', JWT_SECRET_KEY };
  const { code, out } = await check({ ...env, DB_SSLMODE: 'require' });
  plain.close();
  expect(out).toMatch(/FAULT: The database at 127\.0\.0\.1:\d+ does not speak TLS.* DB_SSLMODE/);
  expect(code).toBe(1);
  // An SSLRequest and nothing else (PostgreSQL, Message Formats).
  expect(Buffer.concat(asked).toString('hex')).toBe('0000000804d2162f');
});

test('without a server no cluster and no secret is made', async () => {
  const dataDir = join(folder, 'data');
  const { code, out } = await check({ DATA_DIR: dataDir });
  expect(out).toContain('# stored\nnothing yet: the first start makes the embedded PostgreSQL');
  expect(code).toBe(0);
  expect(existsSync(dataDir)).toBe(false);
});

test('a command that is run from another folder reads no .env there, and uses the data of the program', async () => {
  writeFileSync(join(folder, '.env'), 'NOT_A_VARIABLE=1\n');
  const { code, out } = await check({ DATA_DIR: 'no-such-data' }, folder);
  expect(out).toContain(`makes the embedded PostgreSQL under ${join(ROOT, 'no-such-data')}`);
  expect(code).toBe(0);
});
