import { afterAll, beforeAll, expect, test } from 'vitest';
import { sealAll } from '../src/audit/seal.ts';
import { rewrapStoredSecrets } from '../src/keys/rewrap.ts';
import { regenerateRecoveryCodes, useRecoveryCode } from '../src/mfa/recovery-codes.ts';
import { login } from '../src/passwords/login.ts';
import type { Sql } from '../src/platform/database.ts';
import { countCodesByRoot } from '../src/platform/marked-hashes.ts';
import { countSealed, refuseLostRoot, rewrapSealed, sealedColumns } from '../src/platform/sealed-columns.ts';
import { deriveSecrets } from '../src/platform/secrets.ts';
import { sql } from '../src/platform/sql.ts';
import { refresh } from '../src/sessions/refresh.ts';
import { takeUnknownAttempt } from '../src/throttle/lockout.ts';
import { type TestApp, testApp } from './support/app.ts';
import { signedIn } from './support/person.ts';
import { rowsRead } from './support/plan.ts';

const OLD = 'a root secret for tests, 32 bytes+';
const NEW = 'the root secret that comes after it';

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ tokens: { algorithm: 'ES256' }, secrets: { root: OLD } });
});
afterAll(() => world.close());

test('every column whose name says that it is sealed is in the registry', async () => {
  const found = await world.deps.db.rows<{ name: string }>(sql`
    select table_name || '.' || column_name as name from information_schema.columns
    where table_schema = 'public' and column_name like '%\\_sealed' and table_name not like 'audit_events%' order by 1`);
  const known = sealedColumns.map(({ table, column }) => `${table}.${column}`).sort();
  expect(known).toEqual(found.map(({ name }) => name));
});

test('a rewrap moves every stored secret to the new root, after which the old one can be taken away', async () => {
  const { deps, call } = world;
  const person = await signedIn(world);
  expect((await call('POST', '/mfa/totp', { token: person.accessToken })).statusCode).toBeLessThan(300);
  await sealAll(deps);
  const moving = { ...deps, secrets: deriveSecrets(NEW, [OLD]) };
  const without = { ...deps, secrets: deriveSecrets(NEW) };

  const before = await countSealed(moving);
  expect(before.map(({ table, present, unknown }) => ({ table, present, unknown }))).toEqual(
    sealedColumns.map(({ table }) => ({ table, present: 0, unknown: 0 })),
  );
  for (const { table, previous } of before) expect([table, previous]).not.toEqual([table, 0]);
  await expect(refuseLostRoot(without, true)).rejects.toThrow(/AUTH_ROOT_SECRET_PREVIOUS/);
  await refuseLostRoot(moving, true);

  const results = await rewrapStoredSecrets(moving);
  expect(results.map(({ table, rewrapped, failed }) => ({ table, rewrapped, failed }))).toEqual(
    before.map(({ table, previous }) => ({ table, rewrapped: previous, failed: [] })),
  );
  await refuseLostRoot(without, true);
  for (const { previous, unknown } of await countSealed(without))
    expect({ previous, unknown }).toEqual({ previous: 0, unknown: 0 });
  const again = await rewrapStoredSecrets(moving);
  expect(again.map(({ rewrapped }) => rewrapped)).toEqual(sealedColumns.map(() => 0));
});

test('a rewrap of many reads a batch at a time', async () => {
  const { deps } = world;
  const person = await signedIn(world);
  const [few, many] = [500, 5_000];
  await deps.db.run(sql`
    insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, created_at)
    select gen_random_uuid(), user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, created_at
    from sessions, generate_series(1, ${many}::int) where user_id = ${person.id}::uuid`);
  await deps.db.run(sql`analyze sessions`);
  const moving = (db: Sql) => ({ db: { ...deps.db, ...db }, secrets: deriveSecrets(NEW, [OLD]) });
  expect(await rowsRead(deps.db, explained => rewrapSealed(moving(explained)))).toBeLessThan(4 * few);
  await deps.db.run(sql`delete from sessions where user_id = ${person.id}::uuid`);
});

test('a refresh makes the next token under the new root, so that the old one can go after REFRESH_TOKEN_EXPIRE_DAYS', async () => {
  const { deps } = world;
  const person = await signedIn(world);
  const caller = { ip: '203.0.113.7', userAgent: 'Firefox/1', requestId: 'req-1' };
  const under = (root: string, previous: string[], token: string) =>
    refresh({ ...deps, secrets: deriveSecrets(root, previous) }, caller, token);
  await expect(under(NEW, [], person.refreshToken)).rejects.toThrow('refresh token');
  const moved = await under(NEW, [OLD], person.refreshToken);
  expect(await under(NEW, [], moved.refresh_token)).toHaveProperty('access_token');
});

test('a value that was moved to another row, or sealed under a lost root, is reported and left as it is', async () => {
  const { deps } = world;
  const person = await signedIn(world);
  const stray = deps.secrets.seal('factors:another', 'secret');
  const id = deps.random.uuid();
  await deps.db.run(sql`insert into factors (id, user_id, kind, secret_sealed, created_at)
    values (${id}, ${person.id}, 'totp', ${stray}, ${deps.clock.now()})`);
  const results = await rewrapStoredSecrets({
    ...deps,
    secrets: deriveSecrets('yet another root secret, the third', [OLD, NEW]),
  });
  expect(results.find(({ table }) => table === 'factors')?.failed).toEqual([id]);
  const row = await deps.db.row<{ value: Buffer }>(
    sql`select secret_sealed as value from factors where id = ${id}`,
  );
  expect(row?.value).toEqual(stray);
});

test('recovery codes that were printed under the former root work as long as it is configured, and are counted', async () => {
  const { deps } = world;
  const { id } = await signedIn(world);
  const caller = { requestId: 'codes', ip: '127.0.0.1', userAgent: '' };
  const codes = await deps.db.transaction(tx => regenerateRecoveryCodes(deps, tx, id));
  const use = (secrets: typeof deps.secrets, code: string | undefined) =>
    useRecoveryCode({ ...deps, secrets }, { userId: id, caller }, code ?? '');
  const moving = { ...deps, secrets: deriveSecrets(NEW, [OLD]) };

  await rewrapStoredSecrets(moving);
  expect(await countCodesByRoot(moving)).toEqual({ present: 0, previous: 10, unknown: 0, unmarked: 0 });
  expect(await use(moving.secrets, codes[0])).toBe(true);
  expect(await use(moving.secrets, codes[0])).toBe(false);
  expect(await use(deriveSecrets(NEW), codes[1])).toBe(false);
  // As an earlier release stored it: without the mark.
  await deps.db.run(
    sql`update recovery_codes set code_hash = substring(code_hash from 5) where user_id = ${id}`,
  );
  expect(await countCodesByRoot(moving)).toEqual({ present: 0, previous: 0, unknown: 0, unmarked: 9 });
  expect(await use(moving.secrets, codes[1])).toBe(true);

  await deps.db.transaction(tx => regenerateRecoveryCodes(moving, tx, id));
  expect(await countCodesByRoot(moving)).toEqual({ present: 10, previous: 0, unknown: 0, unmarked: 0 });
});

test('a change of roots lifts the lock of no name, so that it does not tell which ones somebody has', async () => {
  const { deps } = world;
  const { email } = await signedIn(world);
  const caller = { requestId: 'guess', ip: '192.0.2.1', userAgent: '' };
  const guess = (name: string, world = deps) =>
    login(world, caller, { name, password: 'wrong', devices: [] }).catch(
      (error: { code: string }) => error.code,
    );
  const moving = { ...deps, secrets: deriveSecrets(NEW, [OLD]) };
  for (const name of [email, 'nobody@example.com']) {
    for (let guesses = 0; guesses < 5; guesses++) expect(await guess(name)).toBe('invalid_credentials');
    expect(await guess(name)).toBe('too_many_attempts');
    expect(await guess(name, moving)).toBe('too_many_attempts');
  }
  await expect(takeUnknownAttempt(moving, deps.db, 'nobody@example.com')).rejects.toThrow(/attempts/i);
  expect(await guess('stranger@example.com', moving)).toBe('invalid_credentials');
});
