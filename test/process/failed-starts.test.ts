import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmptyDatabase, emptyDatabase } from '../migrations/support.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { pem } from '../support/pem.ts';

// What a person reads when the program cannot start: one message, with what to do, and no stack.

const ROOT = join(import.meta.dirname, '../..');
const SECRETS = {
  JWT_SECRET_KEY: 'a jwt secret of the failed starts, long',
  AUTH_ROOT_SECRET: 'a root secret of the failed starts, long',
};

let database: TestDatabase;
let empty: EmptyDatabase;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'entrecore-failed-'));
  // As root, the user that runs the embedded server must pass.
  chmodSync(folder, 0o711);
  writeFileSync(join(folder, 'file'), '');
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
  symlinkSync('/proc', join(folder, 'kernel'));
  [database, empty] = await Promise.all([testDatabase(), emptyDatabase()]);
});
afterAll(async () => {
  await Promise.all([database.close(), empty.close()]);
  rmSync(folder, { recursive: true, force: true });
});

interface End {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(program: readonly string[], env: Record<string, string>): Promise<End> {
  const child = spawn(process.execPath, [...program], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', ...env },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

const changed = (change: (url: URL) => unknown) => () => {
  const url = new URL(database.url);
  change(url);
  return url.href;
};

const ready = () => ({ ...SECRETS, DATABASE_URL: database.url });

const SERVICE = ['src/main.ts'];
const COMMAND = ['src/cli.ts', 'keys', 'list'];
const MIGRATION = ['src/db.ts', 'current'];
const CHECK = ['src/cli.ts', 'config', 'check'];

/** Starts each program with these variables, and expects one message, no stack and a failure. */
async function expectRefusal(
  env: Record<string, string>,
  message: RegExp,
  programs = [SERVICE],
): Promise<void> {
  for (const { code, err } of await Promise.all(programs.map(program => run(program, env)))) {
    expect(err.trim().split('\n').join(' ')).toMatch(message);
    expect(err).not.toMatch(/^ +at /m);
    expect(code === 1 || code === 255).toBe(true);
  }
}

test('a schema that is behind ends the service and a command with one message', async () => {
  const env = { ...SECRETS, DATABASE_URL: empty.connection.connectionString };
  await expectRefusal(env, /revisions behind.*npm run db -- upgrade head/, [SERVICE, COMMAND]);
});

test.each<[string, () => string, RegExp]>([
  [
    'a database that is not there',
    changed(url => (url.pathname = '/nowhere')),
    /no database "nowhere".*createdb/,
  ],
  [
    'a role that is not there',
    changed(url => (url.username = 'nobody_at_all')),
    /"nobody_at_all".*DATABASE_URL/,
  ],
  [
    'a server without TLS',
    changed(url => url.searchParams.set('sslmode', 'verify-full')),
    /(does not speak TLS|does not verify).*DATABASE_URL|DATABASE_URL.*sslmode=disable/,
  ],
  [
    'an authority that cannot be read',
    changed(url => url.searchParams.set('sslrootcert', '/nowhere.pem')),
    /DATABASE_URL, sslrootcert: .*nowhere\.pem cannot be read/,
  ],
])('%s ends the service, a command and a migration with one message', async (_name, url, message) => {
  await expectRefusal({ ...SECRETS, DATABASE_URL: url() }, message, [SERVICE, COMMAND, MIGRATION]);
});

test('packages that are not installed end the service, a command and a migration with one message', async () => {
  const bare = join(folder, 'bare');
  cpSync(join(ROOT, 'src'), join(bare, 'src'), { recursive: true });
  const guard = ['--import', join(bare, 'src/platform/process-guard.mjs')];
  const programs = [SERVICE, COMMAND, MIGRATION].map(([file = '', ...words]) => [
    ...guard,
    join(bare, file),
    ...words,
  ]);
  await expectRefusal(
    {},
    /^The packages of Entrecore Auth are not installed\. Run "npm ci" in .*bare\/ first\.$/,
    programs,
  );
});

test('a port that is taken ends the service with one message', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expectRefusal({ ...ready(), PORT: String(port) }, new RegExp(`^PORT: ${port} is in use`));
  other.close();
});

test.each([
  ['203.0.113.7', /HOST: 203\.0\.113\.7 is no address of this machine/],
  ['no-such-host.invalid', /HOST: no-such-host\.invalid is no name/],
])('HOST=%s ends the service with one message', async (HOST, message) => {
  await expectRefusal({ ...ready(), HOST, PUBLIC_URL: 'http://localhost' }, message);
});

describe('of DATA_DIR', () => {
  test.each([
    ['a file', () => join(folder, 'file'), /DATA_DIR: .*file is no folder/],
    ['a folder in a file', () => join(folder, 'file', 'data'), /DATA_DIR: .*file is no folder/],
    ['too long a name', () => join(folder, 'n'.repeat(300)), /DATA_DIR: .*its name is too long/],
    ['a folder of the kernel', () => '/proc/no/data', /DATA_DIR: .*it lies under \/proc, where no files/],
    ['a link to one', () => join(folder, 'kernel', 'data'), /DATA_DIR: .*it lies under \/proc, where no/],
    ['a link to nowhere', () => join(folder, 'link', 'data'), /DATA_DIR: .*it cannot be made there/],
  ])('%s ends the service, a command and a migration with one message', async (_name, dataDir, message) => {
    await expectRefusal({ DATA_DIR: dataDir() }, message, [SERVICE, COMMAND, MIGRATION]);
  });

  test('a secret that is damaged ends the service with one message, and is left as it is', async () => {
    const path = join(folder, 'auth-root-secret');
    writeFileSync(path, 'cut off');
    await expectRefusal({ DATA_DIR: folder }, /auth-root-secret is damaged: it holds 7 characters\. Restore/);
    expect(readFileSync(path, 'utf8')).toBe('cut off');
  }, 60_000);
});

test('a first administrator who could not be made ends the service, a command and config check with one message, before anything is migrated', async () => {
  const env = {
    ...SECRETS,
    DATABASE_URL: empty.connection.connectionString,
    MIGRATE_ON_START: 'true',
    BOOTSTRAP_ADMIN_EMAIL: 'root@localhost',
    BOOTSTRAP_ADMIN_PASSWORD: 'short',
  };
  const message = /2 faults:.* BOOTSTRAP_ADMIN_EMAIL is no address.* BOOTSTRAP_ADMIN_PASSWORD breaks the/;
  await expectRefusal(env, message, [SERVICE, COMMAND, CHECK]);
  const common = { ...env, BOOTSTRAP_ADMIN_EMAIL: 'root@example.com', BOOTSTRAP_ADMIN_PASSWORD: 'Password1' };
  await expectRefusal(common, /BOOTSTRAP_ADMIN_PASSWORD breaks .* most used passwords/, [CHECK]);
  expect(await empty.query("select from pg_tables where schemaname = 'public'")).toEqual([]);
});

test('a key of another certificate ends the service, a command and config check with one message', async () => {
  const env = { ...ready(), TLS_CERT_FILE: pem('localhost.crt'), TLS_KEY_FILE: pem('renewed.key') };
  const message = /TLS_KEY_FILE: .*renewed\.key is not the key of the certificate in TLS_CERT_FILE/;
  await expectRefusal(env, message, [SERVICE, COMMAND, CHECK]);
});
