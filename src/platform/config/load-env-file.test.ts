import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configFolder, JWT, SERVER } from '../../../test/support/config-folder.ts';
import { envExample } from './document.ts';

const { folder, load, dotenv, faultsOf } = configFolder();

test('the process environment wins, and an empty value counts as unset', () => {
  dotenv('PORT=9001\nLOG_LEVEL=debug\nJWT_AUDIENCE=\n');
  const { config } = load({ PORT: '9002', LOG_LEVEL: '' });
  expect([config.http.port, config.logLevel, config.tokens.audience]).toEqual([9002, 'debug', 'entrecore']);
});

test('blanks around a value do not count, except in a secret, which is its bytes', () => {
  dotenv('DB_NAME=" auth "\nJWT_AUDIENCE="api "\n');
  const { config, describe } = load({ ...SERVER, PORT: ' 9002', DATA_DIR: 'kept\t', DB_PASSWORD: ' pw ' });
  expect([config.http.port, config.tokens.audience, config.dataDir]).toEqual([
    9002,
    'api',
    join(folder, 'kept'),
  ]);
  expect(config.database?.url).toContain('%20pw%20@localhost:5432/auth');
  expect(describe()).toContain('PORT=9002  (environment)');
});

test('the word that the documentation has for a default can be written out: all, off or none', () => {
  dotenv('TRUST_PROXY=1\nPASSWORD_BREACH_CHECK_URL=off\nREDIS_URL=none\n');
  const { config, describe } = load({ TRUST_PROXY: 'none', SMS_COUNTRIES: 'All', GOOGLE_CLIENT_ID: 'none' });
  expect(config).toEqual(load({ TRUST_PROXY: 'none' }).config);
  expect(config.http.trustProxy).toBeNull();
  expect(describe()).toContain('SMS_COUNTRIES  (not set: all)');
  expect(faultsOf({ SMS_COUNTRIES: 'none' })).toHaveLength(1);
});

test('so can the default of a variable that has none, in any of the sources', () => {
  dotenv('AUDIT_CHECKPOINT_FILE=none\nJWT_SECRET_KEY_PREVIOUS=None\n');
  const env = { AUDIT_CHECKPOINT_URL: 'none', BRAND_LOGO_URL: 'none', TWILIO_FROM: 'none' };
  const { config, describe } = load({ ...SERVER, ...env });
  expect(config).toEqual(load(SERVER).config);
  expect(config.audit.checkpointFile).toBeNull();
  expect(describe()).toContain('AUDIT_CHECKPOINT_FILE  (not set: none)');
});

test('a near-miss in the process environment is a warning, an everyday name is not', () => {
  const { warnings } = load({ JWT_SECRETKEY: 'x', PATH: '/bin', HOME: '/', POST: '1', HOSTNAME: 'h' });
  expect(warnings).toEqual(['JWT_SECRETKEY is not a variable of this service. Did you mean JWT_SECRET_KEY?']);
});

test('the near-miss of a variable that is missing is told with the fault', () => {
  expect(() => load({ DB_HOST: 'db', DB_PASSWORD: 'pw', JWT_SECRETKEY: JWT })).toThrow(
    /JWT_SECRET_KEY is required with a PostgreSQL server[^]*\n {2}- JWT_SECRETKEY is not.*Did you mean JWT_SECRET_KEY\?/,
  );
});

test('one in UTF-16, and a value in Latin-1, are told to be saved as UTF-8, once', () => {
  const path = join(folder, '.env');
  writeFileSync(path, Buffer.from('\uFEFFPORT=9001\r\nLOG_LEVEL=debug\r\n', 'utf16le'));
  expect(faultsOf({})).toEqual([`${path} is written in UTF-16: save it as UTF-8.`]);
  const { JWT_SECRET_KEY: _, ...others } = SERVER;
  writeFileSync(path, Buffer.from(`# Schlüssel\nJWT_SECRET_KEY=ü${JWT}\nDB_USER=\n`, 'latin1'));
  expect(faultsOf(others)).toEqual([
    '.env line 2: the value of JWT_SECRET_KEY is not text in UTF-8: save the file as UTF-8',
  ]);
});

test('the example changes nothing when it is copied', () => {
  const before = load();
  dotenv(envExample());
  const after = load();
  expect(after.config).toEqual(before.config);
  const lines = envExample().split('\n');
  expect(lines.filter(line => line !== '' && !line.startsWith('#'))).toEqual([]);
  // With the marks taken away, every line that assigns is a variable that is known.
  dotenv(
    lines
      .filter(line => /^#[A-Z]/.test(line))
      .map(line => line.slice(1))
      .join('\n'),
  );
  expect(load().config).toEqual(before.config);
});

test('the committed example is the generated one', () => {
  expect(readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8')).toBe(envExample());
});
