import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { configFolder, JWT, SERVER } from '../../../test/support/config-folder.ts';
import { pem } from '../../../test/support/pem.ts';

const { load, faultsOf } = configFolder();

describe('the line to PostgreSQL', () => {
  const warned = (env: Record<string, string>) =>
    load({ DB_PASSWORD: 'pw', ...env, JWT_SECRET_KEY: JWT }).warnings.filter(text =>
      text.includes('plain text'),
    );
  const withUrl = (url: string, env: Record<string, string> = {}) =>
    load({ ...env, DATABASE_URL: url, JWT_SECRET_KEY: JWT }).warnings;

  test('beyond this machine is plain text only with a warning that says what to set', () => {
    expect(warned({ DB_HOST: 'db.internal' })).toEqual([
      'DB_HOST: everything goes to db.internal in plain text, the password included. Set DB_SSLMODE=verify-full (with DB_SSLROOTCERT=/path/to/ca.pem for an authority of your own), or DB_SSLMODE=disable where nobody can listen on the way.',
    ]);
    const urls = ['postgres://a:b@10.0.0.7/c', 'postgres://localhost/c?host=10.0.0.7&ssl='];
    for (const url of urls) {
      expect(withUrl(url)).toEqual([
        'DATABASE_URL: everything goes to 10.0.0.7 in plain text, the password included. Set its sslmode=verify-full (with sslrootcert=/path/to/ca.pem for an authority of your own), or its sslmode=disable where nobody can listen on the way.',
      ]);
    }
    expect(withUrl('postgres:///c', { PGHOST: 'db' })).toHaveLength(1);
    const owner = { MIGRATE_DATABASE_URL: 'postgres://o@db/c' };
    expect(withUrl('postgres://a@db/c?sslmode=require', owner)).toEqual([
      expect.stringMatching(/^MIGRATE_DATABASE_URL: everything goes to db in plain text/),
    ]);
  });

  test('is plain text without a word on this machine, and where that was asked for', () => {
    for (const DB_HOST of ['localhost', '127.0.0.1', '::1', '/run/postgresql'])
      expect(warned({ DB_HOST }), DB_HOST).toEqual([]);
    for (const DB_SSLMODE of ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'])
      expect(warned({ DB_HOST: 'db', DB_SSLMODE })).toEqual([]);
    expect(warned({ DB_HOST: 'db', DB_SSLROOTCERT: pem('localhost.crt') })).toEqual([]);
    expect(warned({ DB_HOST: 'db', PGSSLMODE: 'require' })).toEqual([]);
    expect(warned({ DB_HOST: 'db', PGSSLMODE: 'allow' })).toHaveLength(1);
    for (const rest of [
      'a:b@localhost/c',
      '[::1]/c',
      '%2Frun%2Fpostgresql/c',
      '/c?host=/run/postgresql',
      '/c',
      'db/c?sslmode=disable',
      `db/c?sslrootcert=${pem('localhost.crt')}`,
      'db/c?ssl=true',
    ])
      expect(withUrl(`postgres://${rest}`), rest).toEqual([]);
  });

  test('is what DB_SSLMODE and DB_SSLROOTCERT say, in the words of a URL', () => {
    const url = (env: Record<string, string>) => load({ ...SERVER, ...env }).config.database.url;
    const server = 'postgres://postgres:pw@localhost:5432/entrecore_auth';
    for (const DB_SSLMODE of ['require', 'verify-ca', 'verify-full'])
      expect(url({ DB_SSLMODE })).toBe(`${server}?sslmode=verify-full`);
    for (const DB_SSLMODE of ['disable', 'no-verify'])
      expect(url({ DB_SSLMODE })).toBe(`${server}?sslmode=${DB_SSLMODE}`);
    const file = pem('localhost.crt');
    const authority = `sslrootcert=${encodeURIComponent(file)}`;
    expect(url({ DB_SSLROOTCERT: file })).toBe(`${server}?${authority}`);
    expect(url({ DB_SSLMODE: 'require', DB_SSLROOTCERT: file })).toBe(
      `${server}?sslmode=verify-full&${authority}`,
    );
    // libpq, too, ignores these on a unix socket.
    expect(url({ DB_HOST: '/run', DB_SSLMODE: 'require', DB_SSLROOTCERT: file })).not.toContain('ssl');
  });

  test('is no better for an authority that verifies nothing', () => {
    const env = { ...SERVER, DB_SSLMODE: 'no-verify', DB_SSLROOTCERT: pem('localhost.crt') };
    expect(load(env).warnings).toEqual([
      'DB_SSLROOTCERT is not used: DB_SSLMODE=no-verify verifies nothing. Set DB_SSLMODE=verify-full.',
    ]);
  });

  test.each([
    ['DB_SSLROOTCERT', '/nowhere.pem', 'cannot be read. Check the path'],
    ['DB_SSLROOTCERT', pem('localhost.key'), 'holds no certificate in PEM. Name the file of the authority.'],
    ['DB_SSLROOTCERT', pem(''), 'is a folder. Name the PEM file in it.'],
    ['DB_SSLMODE', 'prefer', 'must be verify-full (require and verify-ca verify as it does), no-verify or'],
    ['DB_SSLMODE', 'allow', 'no-verify or disable; "allow" is none of them.'],
    ['DB_SSLMODE', 'toString', 'no-verify or disable; "toString" is none of them.'],
    ['DB_HOST', '', 'DB_PASSWORD, DB_SSLMODE set without DB_HOST'],
  ])('%s=%s is refused', (name, value, message) => {
    expect(faultsOf({ ...SERVER, DB_SSLMODE: 'require', [name]: value })).toEqual([
      expect.stringContaining(message),
    ]);
  });
});

test('DATABASE_URL may name a socket folder behind a user and a password, as libpq writes it', () => {
  const env = { ...SERVER, DATABASE_URL: 'postgres://u:p@/c?host=/cloudsql/a:b:c' };
  expect(load(env).config.database.url).toBe('postgres://u:p@localhost/c?host=/cloudsql/a:b:c');
});

describe('DB_HOST', () => {
  const url = (env: Record<string, string>) => load({ ...SERVER, ...env }).config.database.url ?? '';

  test.each([
    ['db', 'db'],
    ['entrecore_db-1', 'entrecore_db-1'],
    ['db.example.com.', 'db.example.com.'],
    ['10.0.0.7', '10.0.0.7'],
    ['2001:db8::7', '2001:db8::7'],
    ['[::1]', '::1'],
    ['/run/postgresql', '/run/postgresql'],
  ])('is a name, an address or a folder, which the driver reads as it was meant: %s', (DB_HOST, host) => {
    expect(new pg.Client(url({ DB_HOST }))).toMatchObject({ host, port: 5432, database: 'entrecore_auth' });
  });

  test.each<[host: string, message: string]>([
    ['localhost:5433', 'must be a host alone: set DB_HOST=localhost and DB_PORT=5433.'],
    ['[::1]:5433', 'must be a host alone: set DB_HOST=[::1] and DB_PORT=5433.'],
    [
      'postgres://me:hidden@db/x',
      'must be a host alone: a whole URL goes into DATABASE_URL, in place of DB_*.',
    ],
    ['db,db2', 'must name one host: put an address before several servers that leads to the primary'],
    ...['me:hidden@db', 'a@b', 'x?y', 'x#y', 'a b', 'run/postgresql', 'fe80::1%eth0', '[db]', '-x'].map(
      (host): [string, string] => [
        host,
        'must be a host name, an IP address, or the folder of a unix socket',
      ],
    ),
  ])('is refused before anybody connects, and not repeated with a password: %s', (DB_HOST, message) => {
    const faults = faultsOf({ ...SERVER, DB_HOST });
    expect(faults).toEqual([expect.stringContaining(`DB_HOST ${message}`)]);
    expect(faults.join()).not.toContain('hidden');
  });

  test('is one in a URL as well: the driver takes several for one name', () => {
    const fault = [expect.stringMatching(/^DATABASE_URL must name one host: put an address before several/)];
    for (const rest of ['db1,db2/x', 'u:p@db1:5432,db2:5433/x', 'u:p@db1,db2', '/x?host=db1,db2'])
      expect(faultsOf({ DATABASE_URL: `postgres://${rest}`, JWT_SECRET_KEY: JWT }), rest).toEqual(fault);
    for (const rest of ['u:p,w@db/x', 'db/x?options=a,b', '/x?host=/run/a,b'])
      expect(load({ DATABASE_URL: `postgres://${rest}`, JWT_SECRET_KEY: JWT }).config.database.url).toBe(
        `postgres://${rest}`,
      );
  });

  test('of DB_NAME the driver reads every character as it was meant', () => {
    for (const DB_NAME of ['a+b', 'a:b@c', 'a/b', 'a b', '100%', 'a%2Fb', 'ä']) {
      expect(new pg.Client(url({ DB_NAME })).database).toBe(DB_NAME);
      expect(new pg.Client(url({ DB_NAME, DB_HOST: '/run' })).database).toBe(DB_NAME);
    }
    expect(faultsOf({ ...SERVER, DB_NAME: 'a?b' })).toEqual(['DB_NAME must be a name without ? and #.']);
  });
});
