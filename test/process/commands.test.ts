import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../../src/platform/sql.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { request, type ServiceProcess, startService } from '../support/service.ts';

// The operator's commands beside a running service.

const ROOT = join(import.meta.dirname, '../..');

let database: TestDatabase;
let service: ServiceProcess;
let env: Record<string, string>;
beforeAll(async () => {
  database = await testDatabase();
  env = {
    DATABASE_URL: database.url,
    JWT_SECRET_KEY: 'jwt secret of the commands, 32 bytes or more',
    AUTH_ROOT_SECRET: 'root secret of the commands, 32 bytes or more',
    ALGORITHM: 'ES256',
  };
  service = await startService(env);
}, 120_000);
afterAll(async () => {
  await service.stop('SIGTERM');
  await database.close();
}, 60_000);

const cli = (words: readonly string[], others: Record<string, string>) =>
  promisify(execFile)(process.execPath, ['src/cli.ts', ...words], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env, ...others },
  });
const state = async () => ({
  keys: await database.db.rows(sql`select kid, algorithm, signs_from, signs_until from signing_keys`),
  events: await database.db.rows(sql`select id from audit_events`),
  published: (await request('GET', `${service.url}/.well-known/jwks.json`)).body,
});

test('a command that only reads, under another ALGORITHM than the service, leaves its keys alone', async () => {
  const before = await state();
  expect(before.keys).toMatchObject([{ algorithm: 'ES256', signs_until: null }]);
  const [key] = before.keys as { kid: string }[];
  for (const ALGORITHM of ['EdDSA', 'HS256']) {
    expect((await cli(['keys', 'list'], { ALGORITHM })).stdout).toMatch(
      new RegExp(`^${key?.kid}  ES256  signing  [^\n]*\n$`),
    );
    await cli(['users', 'list'], { ALGORITHM });
  }
  expect(await state()).toEqual(before);
});

test('a command that the database stops says why, and not only that the database is away', async () => {
  const readOnly = new URL(database.url);
  readOnly.searchParams.set('options', '-c default_transaction_read_only=on');
  await expect(cli(['roles', 'create', 'auditor'], { DATABASE_URL: readOnly.href })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The database takes no writes: it is a standby') as string,
  });
});
