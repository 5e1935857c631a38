import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configFolder, JWT, ROOT, SERVER } from '../../../test/support/config-folder.ts';

const { folder, load, dotenv, faultsOf } = configFolder();

const LOOPBACK: Record<string, string>[] = [{}, { PUBLIC_URL: 'http://127.0.0.1:9000' }];
const FOR_OTHERS: Record<string, string> = { PUBLIC_URL: 'https://auth.example.com' };

describe('secrets', () => {
  test.each([
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ])('%s needs %i bytes, counted in UTF-8 (RFC 7518 §3.2)', (algorithm, bytes) => {
    const exact = `${JWT}${JWT}`.slice(0, bytes);
    expect(faultsOf({ ALGORITHM: algorithm, JWT_SECRET_KEY: exact })).toEqual([]);
    expect(faultsOf({ ALGORITHM: algorithm, JWT_SECRET_KEY: exact.slice(1) })).toEqual([
      `JWT_SECRET_KEY has ${bytes - 1} bytes and needs at least ${bytes} for ${algorithm} (RFC 7518 §3.2). Make one: openssl rand -base64 ${Math.max(48, bytes)}`,
    ]);
    expect(faultsOf({ ALGORITHM: algorithm, JWT_SECRET_KEY: `ü${exact.slice(2)}` })).toEqual([]);
  });

  test('the root secret needs 32 bytes, its predecessors too, and is never the JWT secret', () => {
    expect(faultsOf({ AUTH_ROOT_SECRET: 'short' })).toHaveLength(1);
    expect(faultsOf({ AUTH_ROOT_SECRET: ROOT, AUTH_ROOT_SECRET_PREVIOUS: 'short' })).toHaveLength(1);
    expect(faultsOf({ JWT_SECRET_KEY_PREVIOUS: JWT.slice(0, 31) })).toHaveLength(1);
    expect(faultsOf({ ...SERVER, AUTH_ROOT_SECRET: JWT }).join()).toContain('are the same');
  });

  test('what signs is never what another program holds', () => {
    const same = (env: Record<string, string>) => faultsOf({ ...SERVER, ...env });
    expect(same({ AUTH_ROOT_SECRET: ROOT, JWT_SECRET_KEY_PREVIOUS: ROOT })).toEqual([
      'AUTH_ROOT_SECRET and JWT_SECRET_KEY_PREVIOUS are the same: whoever verifies access tokens could make refresh tokens. Give each its own.',
    ]);
    expect(same({ AUTH_ROOT_SECRET_PREVIOUS: `${ROOT},${JWT}` })).toEqual([
      'AUTH_ROOT_SECRET_PREVIOUS and JWT_SECRET_KEY are the same: whoever verifies access tokens could make refresh tokens. Give each its own.',
    ]);
    expect(same({ METRICS_TOKEN: JWT })).toEqual([
      'JWT_SECRET_KEY and METRICS_TOKEN are the same: whoever reads the metrics could make access tokens. Give each its own.',
    ]);
    expect(same({ METRICS_TOKEN: `${ROOT}2`, JWT_SECRET_KEY_PREVIOUS: `${ROOT}2` })).toEqual([
      'JWT_SECRET_KEY_PREVIOUS and METRICS_TOKEN are the same: whoever reads the metrics could make access tokens. Give each its own.',
    ]);
    const webhook = { SMS_WEBHOOK_URL: 'https://sms.example', SMS_WEBHOOK_SECRET: ROOT };
    expect(same({ ...webhook, AUTH_ROOT_SECRET: ROOT })).toEqual([
      'AUTH_ROOT_SECRET and SMS_WEBHOOK_SECRET are the same: whoever sends the text messages could make refresh tokens. Give each its own.',
    ]);
    expect(same({ JWT_SECRET_KEY_PREVIOUS: JWT })).toEqual([]);
  });

  test.each([
    'your-super-secret-jwt-key-change-this-in-production',
    'changeme-changeme-changeme-changeme',
    'a'.repeat(64),
    '0123456789abcdef0123456789abcdef',
    'abcdefgabcdefgfedcbaabcdefgbacdefgg',
    'test-secret-key-for-the-whole-team',
  ])(
    '%s stops a service that is meant for others, and is a warning on loopback, with a server or without',
    secret => {
      for (const database of [{}, SERVER]) {
        const weak: Record<string, string> = {
          ...database,
          JWT_SECRET_KEY: secret,
          AUTH_ROOT_SECRET: `${secret}${secret}`,
        };
        const faults = faultsOf({ ...weak, ...FOR_OTHERS });
        expect(faults.map(fault => fault.split(' ')[0])).toEqual(['JWT_SECRET_KEY', 'AUTH_ROOT_SECRET']);
        expect(faults.join()).not.toContain(secret);
        for (const publicUrl of LOOPBACK) expect(load({ ...weak, ...publicUrl }).warnings).toEqual(faults);
      }
    },
  );

  test('one that is too short stops the start everywhere, and so does a missing one with a server', () => {
    for (const publicUrl of [...LOOPBACK, FOR_OTHERS]) {
      expect(faultsOf({ ...publicUrl, JWT_SECRET_KEY: 'x'.repeat(31) })).toHaveLength(1);
      expect(faultsOf({ ...publicUrl, ...SERVER, JWT_SECRET_KEY: '' })).toHaveLength(1);
    }
  });

  test('previous ones are a list, in JSON where one holds a comma', () => {
    const { secrets } = load({
      AUTH_ROOT_SECRET: ROOT,
      AUTH_ROOT_SECRET_PREVIOUS: `${JWT}, ${ROOT}2`,
    }).config;
    expect(secrets.previousRoots).toEqual([JWT, `${ROOT}2`]);
    const odd = `${JWT},with a comma`;
    const { tokens } = load({ JWT_SECRET_KEY_PREVIOUS: JSON.stringify([odd]) }).config;
    expect(tokens.previousJwtSecrets).toEqual([odd]);
  });

  test('an algorithm with keys of its own needs no JWT_SECRET_KEY', () => {
    expect(load({ ...SERVER, JWT_SECRET_KEY: '', ALGORITHM: 'EdDSA' }).config.tokens.jwtSecret).toBeNull();
    expect(load({ ...SERVER, ALGORITHM: 'EdDSA' }).warnings).toEqual([
      'JWT_SECRET_KEY signs nothing under ALGORITHM=EdDSA. Remove it ACCESS_TOKEN_EXPIRE_MINUTES after the change from HS*: until then tokens of before are verified with it.',
    ]);
  });

  test('every secret comes from NAME_FILE too, without the newline at its end', () => {
    writeFileSync(join(folder, 'jwt'), `${JWT}\n`);
    expect(load({ JWT_SECRET_KEY_FILE: 'jwt' }).config.tokens.jwtSecret).toBe(JWT);
    dotenv(`JWT_SECRET_KEY_FILE=${join(folder, 'jwt')}`);
    expect(load().config.tokens.jwtSecret).toBe(JWT);
    expect(faultsOf({ JWT_SECRET_KEY: JWT })).toEqual([
      'JWT_SECRET_KEY and JWT_SECRET_KEY_FILE are both set: keep one of them.',
    ]);
  });

  test('a file that is no text is a fault, since little of a secret is left when foreign bytes are read as one', () => {
    writeFileSync(join(folder, 'binary'), Buffer.from('f8ff00c1'.repeat(12), 'hex'));
    expect(faultsOf({ AUTH_ROOT_SECRET_FILE: 'binary' })).toEqual([
      `AUTH_ROOT_SECRET_FILE names ${join(folder, 'binary')}, which is not text in UTF-8: write the value as text, such as openssl rand -base64 48 prints.`,
    ]);
    writeFileSync(join(folder, 'text'), `\uFEFF${'ü'.repeat(3)}${ROOT}\n`);
    expect(load({ AUTH_ROOT_SECRET_FILE: 'text' }).config.secrets.root).toBe(`\uFEFF${'ü'.repeat(3)}${ROOT}`);
  });

  test('one whose file cannot be read is meant to be given: the file is the one fault, and what it stands for is none', () => {
    const unreadable = (name: string) =>
      `${name}_FILE names ${join(folder, 'nowhere')}, which cannot be read (ENOENT): check the path and its permissions.`;
    const { JWT_SECRET_KEY: _, DB_PASSWORD: __, DB_HOST, ...others } = SERVER;
    const files = (...names: string[]) => Object.fromEntries(names.map(name => [`${name}_FILE`, 'nowhere']));
    expect(faultsOf({ DB_HOST, ...others, ...files('JWT_SECRET_KEY', 'DB_PASSWORD') })).toEqual([
      unreadable('DB_PASSWORD'),
      unreadable('JWT_SECRET_KEY'),
    ]);
    const both = { BOOTSTRAP_ADMIN_EMAIL: 'a@example.com', ...files('BOOTSTRAP_ADMIN_PASSWORD') };
    expect(faultsOf(both)).toEqual([unreadable('BOOTSTRAP_ADMIN_PASSWORD')]);
    expect(faultsOf({ JWT_SECRET_KEY: JWT, ...files('MIGRATE_DATABASE_URL', 'DATABASE_URL') })).toEqual([
      unreadable('DATABASE_URL'),
      unreadable('MIGRATE_DATABASE_URL'),
    ]);
  });

  test('and it hides no other fault', () => {
    expect(faultsOf({ DATABASE_URL_FILE: 'nowhere', JWT_SECRET_KEY: '' })).toEqual([
      expect.stringMatching(/^DATABASE_URL_FILE names .* cannot be read/),
      expect.stringMatching(/^JWT_SECRET_KEY is required with a PostgreSQL server/),
    ]);
    expect(faultsOf({ ...SERVER, JWT_SECRET_KEY_FILE: 'nowhere' })).toEqual([
      'JWT_SECRET_KEY and JWT_SECRET_KEY_FILE are both set: keep one of them.',
    ]);
  });

  test('one whose quotes in .env are open, or whose .env cannot be read, is not said to be missing', () => {
    const { JWT_SECRET_KEY: _, ...others } = SERVER;
    dotenv(`JWT_SECRET_KEY="${JWT}\n`);
    expect(faultsOf(others)).toEqual(['.env line 1: the quotes of JWT_SECRET_KEY are not closed']);
    rmSync(join(folder, '.env'));
    mkdirSync(join(folder, '.env'));
    expect(faultsOf(others)).toEqual([
      `${join(folder, '.env')} cannot be read (EISDIR): make it readable for this user, or remove it.`,
    ]);
    rmdirSync(join(folder, '.env'));
  });

  test('an unreadable or empty file is a fault', () => {
    writeFileSync(join(folder, 'empty'), '\n');
    expect(faultsOf({ JWT_SECRET_KEY_FILE: 'nowhere' }).join()).toMatch(
      /nowhere, which cannot be read \(ENOENT\)/,
    );
    expect(faultsOf({ JWT_SECRET_KEY_FILE: 'empty' }).join()).toMatch(/empty, which is empty/);
    expect(load({ PORT_FILE: 'x' }).warnings).toEqual([
      'PORT_FILE is not read: only secrets can come from files.',
    ]);
  });
});
