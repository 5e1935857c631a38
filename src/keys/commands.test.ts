import { Command } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { person } from '../../test/support/people.ts';
import { regenerateRecoveryCodes } from '../mfa/recovery-codes.ts';
import type { Deps } from '../platform/deps.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { sql } from '../platform/sql.ts';
import { register } from './commands.ts';
import { openKeyRing } from './key-ring.ts';

const worlds: TestDeps[] = [];
afterEach(async () => {
  process.exitCode = undefined;
  for (const world of worlds.splice(0)) await world.close();
});

async function world(algorithm: 'ES256' | 'HS256'): Promise<TestDeps> {
  const deps = await testDeps({ tokens: { algorithm } });
  worlds.push(deps);
  (await openKeyRing(deps)).close();
  return deps;
}

async function run(deps: Deps, ...words: string[]): Promise<string> {
  let output = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation(text => {
    output += String(text);
    return true;
  });
  const program = new Command().exitOverride();
  register(program, async () => ({ deps, close: async () => {} }));
  await program.parseAsync(['node', 'cli', 'keys', ...words]).finally(() => write.mockRestore());
  return output;
}

test('keys rotate publishes a key and keys list says who signs until when', async () => {
  const deps = await world('ES256');
  expect(await run(deps, 'rotate')).toMatch(
    /^[\w-]{43} is published and signs from 2026-11-23T12:10:00.000Z\.\n$/,
  );
  expect(await run(deps, 'rotate')).toMatch(
    / is waiting already and signs from 2026-11-23T12:10:00.000Z\.\n$/,
  );
  const lines = (await run(deps, 'list', '--json')).trim().split('\n');
  expect(lines.map(line => JSON.parse(line))).toMatchObject([
    {
      state: 'signing',
      signs_until: '2026-11-23T12:10:00.000Z',
      verifies_until: '2026-11-23T12:41:00.000Z',
    },
    { state: 'waiting', signs_from: '2026-11-23T12:10:00.000Z', signs_until: null },
  ]);
  deps.clock.advance(600);
  expect((await run(deps, 'list')).split('\n').map(line => line.split('  ')[2])).toEqual([
    'verifying',
    'signing',
    undefined,
  ]);
  await run(deps, 'rotate', '--leaked');
  expect((await run(deps, 'list')).trim().split('\n')).toHaveLength(1);
});

test('keys rotate before the first start makes the key that signs from then on, and says so', async () => {
  const deps = await testDeps({ tokens: { algorithm: 'EdDSA' } });
  worlds.push(deps);
  expect(await run(deps, 'rotate')).toMatch(/ is published and signs from 2026-11-23T12:00:00.000Z\.\n/);
  (await openKeyRing(deps)).close();
  expect((await run(deps, 'list')).split('\n').map(line => line.split('  ')[2])).toEqual([
    'signing',
    undefined,
  ]);
});

// The command line writes what is thrown to the standard error, and exits with 1.
test('under HS256 keys rotate refuses, and says what to do instead', async () => {
  const deps = await world('HS256');
  await expect(run(deps, 'rotate')).rejects.toThrow('the old one into JWT_SECRET_KEY_PREVIOUS');
});

test('under HS256 nobody is told to keep a secret that has leaked: what it signed would still be believed', async () => {
  const deps = await world('HS256');
  await expect(run(deps, 'rotate', '--leaked')).rejects.toThrow(
    'leave the leaked one out of JWT_SECRET_KEY_',
  );
});

test.each(['rotate', 'rotate --leaked'])(
  'under another ALGORITHM than the one that signs, keys %s names that one and changes nothing',
  async words => {
    const deps = await world('ES256');
    const before = await run(deps, 'list');
    for (const algorithm of ['EdDSA', 'HS256'] as const) {
      const tokens = { ...deps.config.tokens, algorithm };
      const other = { ...deps, config: { ...deps.config, tokens } };
      await expect(run(other, ...words.split(' '))).rejects.toThrow('run this with ALGORITHM=ES256');
    }
    expect(await run(deps, 'list')).toBe(before);
  },
);

test('keys rewrap counts what it moved, and fails on what it cannot open', async () => {
  const deps = await world('ES256');
  const root = deps.config.secrets.root ?? '';
  const moved = { ...deps, secrets: deriveSecrets('another root, which came later, 32+', [root]) };
  expect(await run(moved, 'rewrap')).toContain('signing_keys.private_key_sealed: 1 rewrapped\n');
  expect(process.exitCode).toBeUndefined();
  const lost = await run({ ...deps, secrets: deriveSecrets('a root that never sealed anything') }, 'rewrap');
  expect(lost).toMatch(/signing_keys\.private_key_sealed: 0 rewrapped, 1 could not be opened: [\w-]{43}\n/);
  expect(process.exitCode).toBe(1);
});

test('keys rewrap and keys forget-root say how many recovery codes hang on the former root', async () => {
  const deps = await world('ES256');
  const root = deps.config.secrets.root ?? '';
  const { id } = await person({ deps });
  await deps.db.transaction(tx => regenerateRecoveryCodes(deps, tx, id));
  const moved = { ...deps, secrets: deriveSecrets('another root, which came later, 32+', [root]) };
  const told = /recovery_codes\.code_hash: 10 unused hang on a previous root, and cannot be rewrapped\./;
  expect(await run(moved, 'rewrap')).toMatch(told);
  expect(process.exitCode).toBeUndefined();
  await expect(run(moved, 'forget-root')).rejects.toThrow(told);
  expect(await run(moved, 'forget-root', '--with-recovery-codes')).toContain('no generated root secret');
});

test('keys forget-root waits for the rewrap, and then removes the generated root', async () => {
  const generated = await world('ES256');
  const old = generated.config.secrets.root ?? '';
  await generated.db.run(sql`insert into service_secrets (name, value, created_at)
    values ('auth-root-secret', ${Buffer.from(old)}::bytea, ${generated.clock.now()}::timestamptz)`);
  const root = 'the root secret that the operator chose';
  const deps = {
    ...generated,
    config: {
      ...generated.config,
      database: { ...generated.config.database, url: generated.databaseUrl },
      secrets: { root, previousRoots: [old] },
    },
    secrets: deriveSecrets(root, [old]),
  };
  await expect(run(deps, 'forget-root')).rejects.toThrow('It still holds signing_keys');
  await run(deps, 'rewrap');
  expect(await run(deps, 'forget-root')).toBe('The generated root secret is forgotten.\n');
  expect(await run(deps, 'forget-root')).toBe(
    'There is no generated root secret to forget: there is none, or it is in use.\n',
  );
});
