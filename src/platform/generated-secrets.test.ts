import { execFile } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../../test/support/database.ts';
import { configWith, movableClock } from '../../test/support/deps.ts';
import type { Config } from './config.ts';
import { completeSecrets, forgetGeneratedRoot } from './generated-secrets.ts';
import { deriveSecrets } from './secrets.ts';
import { sql } from './sql.ts';

const clock = movableClock();
let database: TestDatabase;
let dataDir: string;

beforeAll(async () => {
  database = await testDatabase();
});
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'entrecore-secrets-'));
  await database.db.run(sql`delete from service_secrets`);
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));
afterAll(() => database.close());

function bare({ root = null as string | null, url = null as string | null, ...others } = {}): Config {
  return configWith({
    dataDir,
    database: { url },
    secrets: { root, previousRoots: [] },
    tokens: { jwtSecret: null },
    ...others,
  } as Parameters<typeof configWith>[0]);
}
const complete = (config: Config) => completeSecrets(config, database.db, clock);

test('with the embedded database both secrets are made once, for their owner only, and said', async () => {
  const first = await complete(bare());
  const second = await complete(bare());
  expect(first.config.tokens.jwtSecret).toMatch(/^[\w-]{86}$/);
  expect(first.config.secrets.root).toMatch(/^[\w-]{86}$/);
  expect(first.config.secrets.root).not.toBe(first.config.tokens.jwtSecret);
  expect(second.config).toEqual(first.config);
  expect(first.notices).toHaveLength(2);
  expect(second.notices).toEqual([]);
  expect(readdirSync(dataDir).sort()).toEqual(['auth-root-secret', 'jwt-secret-key']);
  for (const name of readdirSync(dataDir)) expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
});

// Nobody may change the mode of a file of /proc, root neither.
test.skipIf(process.platform !== 'linux').each(['auth-root-secret', 'jwt-secret-key'])(
  'a kept secret that others read, and whose mode is not ours to change, is told with what to do: %s',
  async name => {
    await complete(bare());
    unlinkSync(join(dataDir, name));
    symlinkSync('/proc/self/status', join(dataDir, name));
    await expect(complete(bare())).rejects.toThrow(
      expect.objectContaining({
        expected: true,
        message: expect.stringMatching(/cannot be kept from others \(EPERM\).*give it back to the user/),
      }),
    );
  },
);

test('processes that start at once get the same secrets', async () => {
  const script = `
    import { completeSecrets } from ${JSON.stringify(new URL('./generated-secrets.ts', import.meta.url).href)};
    import { openDatabase } from ${JSON.stringify(new URL('./database.ts', import.meta.url).href)};
    const [, config, connectionString] = process.argv;
    const db = openDatabase({ connection: { connectionString }, poolMax: 1, prepare: true });
    const { config: { secrets, tokens } } = await completeSecrets(JSON.parse(config), db, null);
    console.log(secrets.root, tokens.jwtSecret);
    await db.close();`;
  const run = () =>
    promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      script,
      JSON.stringify(bare()),
      database.url,
    ]);
  const outputs = await Promise.all(Array.from({ length: 6 }, run));
  expect(new Set(outputs.map(({ stdout }) => stdout)).size).toBe(1);
  expect(readdirSync(dataDir).sort()).toEqual(['auth-root-secret', 'jwt-secret-key']);
});

test('a damaged file stops the start instead of being replaced', async () => {
  writeFileSync(join(dataDir, 'auth-root-secret'), 'cut');
  await expect(complete(bare())).rejects.toThrow(/damaged/);
  expect(readFileSync(join(dataDir, 'auth-root-secret'), 'utf8')).toBe('cut');
});

test('with a server the root secret is made once in the database, with a warning; of eight at once one wins', async () => {
  const url = database.url;
  const all = await Promise.all(Array.from({ length: 8 }, () => complete(bare({ url }))));
  const roots = new Set(all.map(({ config }) => config.secrets.root));
  expect(roots.size).toBe(1);
  expect([...roots][0]).toMatch(/^[\w-]{86}$/);
  expect(all[0]?.notices.join()).toContain('AUTH_ROOT_SECRET is not set');
  expect(all[0]?.config.tokens.jwtSecret).toBeNull();
  expect(readdirSync(dataDir)).toEqual([]);
});

test('a generated root stays in the ring behind AUTH_ROOT_SECRET until it is forgotten', async () => {
  const url = database.url;
  const before = (await complete(bare({ url }))).config;
  const generated = before.secrets.root;
  expect(await forgetGeneratedRoot({ db: database.db, config: before })).toBe(false);
  const moved = await complete(bare({ url, root: 'a root secret that the operator chose' }));
  expect(moved.config.secrets).toEqual({
    root: 'a root secret that the operator chose',
    previousRoots: [generated],
  });
  expect(moved.notices.join()).toContain('keys rewrap');
  expect(await forgetGeneratedRoot({ db: database.db, config: moved.config })).toBe(true);
  const after = await complete(bare({ url, root: 'a root secret that the operator chose' }));
  expect(after.config.secrets.previousRoots).toEqual([]);
  expect(after.notices).toEqual([]);
});

test('the file under DATA_DIR stays in the ring in the same way', async () => {
  const generated = (await complete(bare())).config.secrets.root;
  const moved = await complete(bare({ root: 'a root secret that the operator chose' }));
  expect(moved.config.secrets.previousRoots).toEqual([generated]);
  expect(await forgetGeneratedRoot({ db: database.db, config: moved.config })).toBe(true);
  expect(readdirSync(dataDir)).toEqual(['jwt-secret-key']);
  rmSync(dataDir, { recursive: true });
});

describe('where something is sealed and its root is nowhere', () => {
  beforeEach(async () => {
    const sealed = deriveSecrets('the root secret that the service runs with').seal(
      'signing_keys:one',
      'a key',
    );
    await database.db.run(sql`
      insert into signing_keys (kid, algorithm, public_jwk, private_key_sealed, created_at, signs_from)
      values ('one', 'ES256', '{}', ${sealed}::bytea, now(), now())`);
  });
  afterEach(() => database.db.run(sql`delete from signing_keys`));

  test.each([
    ['with a server', true, /AUTH_ROOT_SECRET is missing.*none is stored.*signing_keys\.private_key_sealed/],
    ['with the embedded database', false, /AUTH_ROOT_SECRET is missing.*auth-root-secret is not there/],
  ])(
    '%s a start without AUTH_ROOT_SECRET says that it is missing, and makes none',
    async (_name, server, message) => {
      await expect(complete(bare({ url: server ? database.url : null }))).rejects.toThrow(message);
      expect(readdirSync(dataDir)).toEqual([]);
      expect(await database.db.rows(sql`select name from service_secrets`)).toEqual([]);
    },
  );
});
