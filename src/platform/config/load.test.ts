import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configFolder, JWT, ROOT, SERVER } from '../../../test/support/config-folder.ts';
import { pem } from '../../../test/support/pem.ts';
import type { Config } from '../config.ts';

const { folder, load, dotenv, faultsOf } = configFolder();

test('nothing set is a development service on the embedded database, as environment.md says', () => {
  const { config, warnings } = load();
  expect(warnings).toEqual([]);
  expect(config).toEqual({
    dataDir: join(folder, 'data'),
    database: { url: null, poolMax: 10, prepare: true, migrateOnStart: true, migrateUrl: null },
    http: {
      host: '127.0.0.1',
      port: 8000,
      publicUrl: 'http://localhost:8000',
      appUrl: 'http://localhost:8000',
      corsOrigins: ['http://localhost:8000'],
      trustProxy: null,
      tls: null,
      metricsToken: null,
    },
    secrets: { root: null, previousRoots: [] },
    tokens: {
      algorithm: 'HS256',
      jwtSecret: null,
      previousJwtSecrets: [],
      audience: 'entrecore',
      accessLifetime: 1800,
      keyRotationAge: 7_776_000,
    },
    sessions: { idleLifetime: 604_800, maxAge: 2_592_000, reuseGrace: 10, reauthAge: 600 },
    mail: { smtpUrl: null, from: 'Entrecore <no-reply@localhost>' },
    sms: { webhook: null, twilio: null, countries: null },
    google: { clientIds: [], clientSecret: null, issuer: 'https://accounts.google.com' },
    oidcProviders: [],
    redirectUris: ['http://localhost:8000'],
    bootstrap: null,
    requireVerifiedEmail: false,
    signInByMail: false,
    passkeys: { rpId: 'localhost', origins: ['http://localhost:8000'] },
    passwords: {
      minLength: 8,
      maxLength: 256,
      require: ['lower', 'upper', 'digit_or_symbol'],
      blocklist: true,
      breachCheckUrl: null,
      maxAgeDays: 0,
      history: 5,
      hash: 'bcrypt',
      bcryptCost: 12,
      argon2MemoryKib: 19_456,
      argon2Passes: 2,
      queueMax: 128,
    },
    lockout: { attempts: 5, window: 900, duration: 900, maxDuration: 86_400 },
    rateLimit: 'on',
    audit: { checkpointFile: null, checkpointUrl: null, retentionDays: 0 },
    brand: { name: null, color: '#1f4fd8', logoUrl: null },
    redisUrl: null,
    logLevel: 'info',
  } satisfies Config);
});

describe('defaults that depend on others', () => {
  test('the seed variables alone start against a server', () => {
    const { config } = load({ DB_HOST: 'db.internal', JWT_SECRET_KEY: JWT });
    expect(config.database).toMatchObject({
      url: 'postgres://postgres:password@db.internal:5432/entrecore_auth',
      migrateOnStart: false,
    });
    expect(config.secrets.root).toBeNull();
  });

  test('addresses follow PORT, PUBLIC_URL and APP_URL', () => {
    expect(load({ PORT: '9000' }).config.http.publicUrl).toBe('http://localhost:9000');
    const { http, redirectUris, mail } = load({
      PUBLIC_URL: 'https://auth.example.com/',
      APP_URL: 'https://app.example.com/welcome/',
      TRUST_PROXY: '1',
    }).config;
    expect(http).toMatchObject({
      publicUrl: 'https://auth.example.com',
      appUrl: 'https://app.example.com/welcome',
      corsOrigins: ['https://app.example.com'],
      trustProxy: 1,
    });
    expect(redirectUris).toEqual(['https://app.example.com/welcome']);
    expect(mail.from).toBe('Entrecore <no-reply@auth.example.com>');
  });

  test('lead back to APP_URL also as the pages there know it', () => {
    const back = (APP_URL: string) => load({ APP_URL }).config.redirectUris;
    expect(back('https://App.Example:443/')).toEqual(['https://App.Example:443', 'https://app.example']);
    expect(back('https://пример.example/a')).toEqual([
      'https://пример.example/a',
      'https://xn--e1afmkfd.example/a',
    ]);
  });

  test('passkeys belong to the host of the service, or to that of the client where it is a parent', () => {
    const passkeys = (env: Record<string, string>) => load({ TRUST_PROXY: '1', ...env }).config.passkeys;
    expect(passkeys({ PUBLIC_URL: 'https://auth.example.com', APP_URL: 'https://example.com/app' })).toEqual({
      rpId: 'example.com',
      origins: ['https://auth.example.com', 'https://example.com'],
    });
    expect(
      passkeys({ PUBLIC_URL: 'https://auth.example.com', APP_URL: 'https://app.example.com' }).rpId,
    ).toBe('auth.example.com');
  });

  test('DATABASE_URL wins over DB_*, and a warning says so', () => {
    const url = 'postgres://me:pw@other:5433/accounts?sslmode=verify-full';
    const { config, warnings } = load({ ...SERVER, DATABASE_URL: url });
    expect(config.database.url).toBe(url);
    expect(warnings.join()).toContain('DATABASE_URL wins');
  });

  test('every sslmode that verifies is the one that says so', () => {
    const url = (query: string) =>
      load({ DATABASE_URL: `postgres://a@b/c${query}`, JWT_SECRET_KEY: JWT }).config.database.url;
    expect(url('?sslmode=require')).toBe('postgres://a@b/c?sslmode=verify-full');
    const ca = pem('localhost.crt');
    expect(url(`?sslrootcert=${ca}&sslmode=verify-ca&keepalives=1`)).toBe(
      `postgres://a@b/c?sslrootcert=${ca}&sslmode=verify-full&keepalives=1`,
    );
    for (const same of ['', '?sslmode=disable', '?sslmode=no-verify', '?sslmode=require&uselibpqcompat=true'])
      expect(url(same)).toBe(`postgres://a@b/c${same}`);
  });

  test('names and passwords of any characters, IPv6 hosts and socket folders make valid URLs', () => {
    const url = (env: Record<string, string>) => load({ ...SERVER, ...env }).config.database.url;
    expect(url({ DB_PASSWORD: 'p@ss/w:rd', DB_USER: 'a b' })).toBe(
      'postgres://a%20b:p%40ss%2Fw%3Ard@localhost:5432/entrecore_auth',
    );
    expect(url({ DB_HOST: '::1' })).toBe('postgres://postgres:pw@[::1]:5432/entrecore_auth');
    expect(url({ DB_HOST: '/run/postgresql' })).toBe(
      'postgres://postgres:pw@/entrecore_auth?host=%2Frun%2Fpostgresql&port=5432',
    );
  });
});

test('all faults are told at once, each with what to do', () => {
  dotenv('JWT_SECRETKEY=x\nPORT=80000\n');
  const faults = faultsOf({
    DB_HOST: 'db',
    ALGORITHM: 'none',
    PUBLIC_URL: 'http://auth.example.com',
    BCRYPT_COST: '3',
    TLS_CERT_FILE: '/nowhere.pem',
    TWILIO_FROM: '+254700000000',
  });
  expect(faults).toEqual([
    'JWT_SECRETKEY in .env is unknown: did you mean JWT_SECRET_KEY?',
    'ALGORITHM must be one of HS256, HS384, HS512, RS256, PS256, ES256, EdDSA.',
    'PORT must be a whole number from 0 to 65535.',
    'PUBLIC_URL must start with https:// (plain http is accepted on localhost only).',
    'BCRYPT_COST must be a whole number from 4 to 16.',
    'JWT_SECRET_KEY is required with a PostgreSQL server: set it to at least 32 bytes. Make one: openssl rand -base64 48',
    'TLS_CERT_FILE and TLS_KEY_FILE belong together: set both, or neither.',
    'TLS_CERT_FILE: /nowhere.pem cannot be read. Check the path and its permissions.',
    'Twilio needs TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN too: set all of TWILIO_*, or none.',
  ]);
});

test.each([
  [{ DB_NAME: 'x' }, 'DB_NAME set without DB_HOST'],
  [{ DATABASE_URL: 'mysql://x', JWT_SECRET_KEY: JWT }, 'DATABASE_URL must look like postgres://'],
  [
    { TLS_CERT_FILE: pem('localhost.key'), TLS_KEY_FILE: pem('localhost.key') },
    'holds no certificate in PEM',
  ],
  [
    { TLS_CERT_FILE: pem('localhost.crt'), TLS_KEY_FILE: pem('localhost.crt') },
    'holds no private key in PEM',
  ],
  [
    { TLS_CERT_FILE: pem('localhost.crt'), TLS_KEY_FILE: pem('renewed.key') },
    'is not the key of the certificate',
  ],
  [{ TLS_CERT_FILE: pem(''), TLS_KEY_FILE: pem('localhost.key') }, 'is a folder'],
  [{ DATA_DIR: '/dev/null' }, 'DATA_DIR: /dev/null cannot be used: /dev/null is no folder'],
  [{ DATABASE_URL: 'postgres://a@b/c?sslmode=bogus', JWT_SECRET_KEY: JWT }, '"bogus" is none of them'],
  [
    { DATABASE_URL: 'postgres://a@b/c?sslmode=allow', JWT_SECRET_KEY: JWT },
    'must have an sslmode of verify-full',
  ],
  [
    { DATABASE_URL: 'postgres://a@b/c?sslmode=prefer', JWT_SECRET_KEY: JWT },
    'must have an sslmode of verify-full',
  ],
  [
    { DATABASE_URL: 'postgres://a@b/c?port=abc', JWT_SECRET_KEY: JWT },
    'DATABASE_URL must have a port from 1 to 65535; "abc" is none',
  ],
  [
    { DATABASE_URL: 'postgres://a@b/c?port=70000', JWT_SECRET_KEY: JWT },
    'DATABASE_URL must have a port from 1 to 65535; "70000" is none',
  ],
  [{ SMS_COUNTRIES: 'KE,UK' }, 'SMS_COUNTRIES must be ISO 3166 country codes: UK is GB there'],
  [{ SMS_COUNTRIES: 'xy' }, 'SMS_COUNTRIES must be ISO 3166 country codes: no country has XY'],
  [
    { SMS_COUNTRIES: 'Kenya' },
    'SMS_COUNTRIES must be ISO 3166 country codes such as KE,UG,TZ, or calling codes such as 254',
  ],
  [{ SMS_COUNTRIES: '+25' }, 'or calling codes such as 254'],
  [{ MIGRATE_DATABASE_URL: 'postgres://a@b/c' }, 'MIGRATE_DATABASE_URL needs a PostgreSQL server'],
  [{ PUBLIC_URL: 'https://a.example/?x' }, 'PUBLIC_URL must be a URL without'],
  [{ CORS_ORIGINS: '*' }, 'CORS_ORIGINS must be origins'],
  [{ CORS_ORIGINS: 'https://a.example/path' }, 'CORS_ORIGINS must be origins'],
  [{ REDIRECT_URIS: 'javascript:alert(1)' }, 'REDIRECT_URIS must be absolute'],
  [{ REDIRECT_URIS: 'https://a.example/#x' }, 'REDIRECT_URIS must be absolute'],
  [{ TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY must be'],
  [{ TRUST_PROXY: 'loopback' }, 'TRUST_PROXY must be'],
  [{ TRUST_PROXY: '0' }, 'TRUST_PROXY must be'],
  [{ RATE_LIMIT: '{"logins": 3}' }, 'RATE_LIMIT must name groups'],
  [{ RATE_LIMIT: '{"login": 0}' }, 'RATE_LIMIT must give "login" points'],
  [{ RATE_LIMIT: 'yes' }, 'RATE_LIMIT must be on, off, or JSON'],
  [{ BOOTSTRAP_ADMIN_EMAIL: 'a@example.com' }, 'BOOTSTRAP_ADMIN_EMAIL and BOOTSTRAP_ADMIN_PASSWORD'],
  [{ SMS_WEBHOOK_URL: 'https://s.example', SMS_WEBHOOK_SECRET: 'fifteen-letters' }, 'at least 16 bytes'],
  [{ METRICS_TOKEN: 'fifteen-letters' }, 'METRICS_TOKEN has 15 bytes and needs at least 16'],
  [{ METRICS_TOKEN: 'no bearer token has spaces' }, 'METRICS_TOKEN must be a bearer token'],
  [{ SMS_WEBHOOK_URL: 'https://s.example' }, 'SMS_WEBHOOK_URL and SMS_WEBHOOK_SECRET'],
  [{ OIDC_PROVIDERS: '{}' }, 'OIDC_PROVIDERS must be a JSON list'],
  [{ OIDC_PROVIDERS: '[{"id":"x"}]' }, '"name" must be a text'],
  [{ OIDC_PROVIDERS: '[{"id":"x","name":"X","type":"saml"}]' }, '"issuer" must be a text'],
  [
    { OIDC_PROVIDERS: '[{"id":"x","name":"X","type":"apple","client_id":"c","client_secret":"s"}]' },
    '"team_id" and "key_id" must be given',
  ],
  [
    {
      OIDC_PROVIDERS:
        '[{"id":"x","name":"X","type":"saml","issuer":"https://x.example","client_id":"c","client_secret":"s"}]',
    },
    '"type" must be one of oidc, google, microsoft, github, apple',
  ],
  [{ GOOGLE_ISSUER: 'http://issuer.example' }, 'GOOGLE_ISSUER must start with https://'],
  [{ PASSWORD_REQUIRE: 'upper,emoji' }, 'PASSWORD_REQUIRE must be one of'],
  [{ PASSWORD_MIN_LENGTH: '100', PASSWORD_MAX_LENGTH: '64' }, 'PASSWORD_MIN_LENGTH is greater'],
  [{ LOCKOUT_MINUTES: '2000' }, 'LOCKOUT_MINUTES is greater'],
  [{ REDIS_URL: 'http://r' }, 'REDIS_URL must look like redis://'],
  [{ REDIS_URL: 'redis+sentinel://a:1,b:2' }, 'REDIS_URL must look like redis://'],
  [
    { AUDIT_CHECKPOINT_FILE: '/nowhere/checkpoints' },
    'AUDIT_CHECKPOINT_FILE: /nowhere/checkpoints cannot be written: the folder that it lies in is not there. Name a file',
  ],
  [{ AUDIT_CHECKPOINT_FILE: pem('') }, 'cannot be written: it is a folder'],
  [{ AUDIT_CHECKPOINT_FILE: pem('localhost.crt/x') }, 'cannot be written: a part of its path is no folder'],
  [{ DB_PREPARE: 'perhaps' }, 'DB_PREPARE must be on or off'],
  [{ SMTP_URL: 'mail.example.com' }, 'must look like smtp://'],
] as const)('%o is refused', (env, message) => {
  const faults = faultsOf(env);
  expect(faults.join('\n')).toContain(message);
  expect(faults).toHaveLength(1);
});

test.each([
  [{ BCRYPT_COST: '4' }, 'BCRYPT_COST=4 is below 10'],
  [{ PASSWORD_HASH: 'argon2id', ARGON2_MEMORY_KIB: '4096' }, "below OWASP's floor"],
  [{ PASSWORD_MAX_AGE_DAYS: '90' }, 'NIST SP 800-63B forbids'],
  [{ PASSWORD_MAX_LENGTH: '20' }, 'below 64, the least that NIST SP 800-63B'],
  [{ LOCKOUT_ATTEMPTS: '0' }, 'can be guessed without end'],
  [{ HOST: '0.0.0.0' }, 'set PUBLIC_URL'],
  [{ APP_URL: 'http://app.example.com' }, 'APP_URL is plain http'],
  [{ TRUST_PROXY: '10.0.0.0/8,::/0' }, 'TRUST_PROXY=::/0 believes every client'],
] as const)('%o is accepted with a warning', (env, message) => {
  const { warnings } = load(env);
  expect(warnings.join()).toContain(message);
  expect(warnings).toHaveLength(1);
});

test('RATE_LIMIT takes points alone, or with the seconds of their window', () => {
  const { rateLimit } = load({ RATE_LIMIT: '{"login": 60, "reset": {"points": 20, "seconds": 30}}' }).config;
  expect(rateLimit).toEqual({ login: { points: 60 }, reset: { points: 20, seconds: 30 } });
  expect(load({ RATE_LIMIT: 'off' }).config.rateLimit).toBe('off');
});

test('the effective values are shown with their source, and no secret among them', () => {
  const shown = load({
    ...SERVER,
    REDIS_URL: 'rediss://user:redispw@cache:6380/1?sentinel_password=other',
    OIDC_PROVIDERS:
      '[{"id":"acme","name":"Acme","issuer":"https://acme.example","client_id":"c","client_secret":"oidcpw"}]',
  }).describe();
  expect(shown).toContain('DB_HOST=localhost  (environment)');
  expect(shown).toContain('DB_PORT=5432  (default)');
  expect(shown).toContain('REDIS_URL=rediss://***@cache:6380/1?***  (environment)');
  expect(shown).toContain('JWT_SECRET_KEY=***  (environment)');
  expect(shown).toContain('SMTP_URL  (not set: none: mails stay in the outbox, shown at /dev/mailbox)');
  for (const secret of [JWT, ROOT, 'redispw', 'other', 'oidcpw']) expect(shown).not.toContain(secret);
});

test('the configuration is frozen, all the way down', () => {
  const { config } = load({ CORS_ORIGINS: 'https://a.example' });
  expect(Object.isFrozen(config.http.corsOrigins)).toBe(true);
});
