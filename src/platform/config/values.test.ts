import { describe, expect, test } from 'vitest';
import { configFolder, JWT } from '../../../test/support/config-folder.ts';

const { load, faultsOf } = configFolder();

describe('where requests of ours go', () => {
  const endpoints = ['PASSWORD_BREACH_CHECK_URL', 'AUDIT_CHECKPOINT_URL', 'SMS_WEBHOOK_URL'] as const;
  const others = { SMS_WEBHOOK_SECRET: JWT };
  const given = (name: string, url: string) =>
    name === 'SMS_WEBHOOK_URL' ? { ...others, [name]: url } : { [name]: url };

  test.each(endpoints)('%s is refused with a password in it, which is not repeated', name => {
    for (const url of ['http://u:hidden@127.0.0.1/x', 'https://hidden@a.example']) {
      expect(faultsOf(given(name, url))).toEqual([
        `${name} must have no user and password before its host: take them out, they are never sent.`,
      ]);
    }
    expect(faultsOf(given(name, 'ftp://a.example'))).toEqual([
      `${name} must be a URL that starts with https://.`,
    ]);
  });

  test.each(endpoints)('%s over plain http is warned of beyond loopback', name => {
    expect(load(given(name, 'http://10.0.0.7/x')).warnings).toEqual([
      expect.stringMatching(new RegExp(`^${name} is plain http: .+\\. Use https\\.$`)),
    ]);
    for (const url of ['http://127.0.0.1:9/x', 'http://localhost/x', 'https://a.example/x'])
      expect(load(given(name, url)).warnings).toEqual([]);
  });
});

test('no hops in TRUST_PROXY is no proxy, and its message says how that is written', () => {
  expect(faultsOf({ TRUST_PROXY: '0' })).toEqual([
    'TRUST_PROXY must be 1 to 16 hops, or CIDRs separated by commas; without a proxy, leave it out.',
  ]);
});

describe('a variable of several parts names every part that is wrong', () => {
  test('RATE_LIMIT', () => {
    const [fault] = faultsOf({
      RATE_LIMIT: '{"logins": 3, "login": 0, "resets": 1, "reset": {"points": 2, "second": 1}, "admin": 5}',
    });
    expect(fault).toMatch(
      /^RATE_LIMIT must name groups out of [a-z_, ]+ \(there is no "logins", "resets"\); it must give "login", "reset" points from 1 to 1000000, and at most 86400 seconds: /,
    );
  });

  test('OIDC_PROVIDERS', () => {
    const good = { id: 'x', name: 'X', issuer: 'https://x.example', client_id: 'c', client_secret: 's' };
    const entries = [good, null, good, { ...good, id: 'y', issuer: 'http://y.example' }];
    expect(faultsOf({ OIDC_PROVIDERS: JSON.stringify(entries) })).toEqual([
      'OIDC_PROVIDERS must be right in entry 2: it is not an object; in entry 3: its "id" is used twice; in entry 4: "issuer" must start with https:// (plain http is accepted on localhost only).',
    ]);
  });

  test('an id may hold _, and scopes may be one text, as OAuth writes them', () => {
    const entry = {
      id: 'my_idp-2',
      name: 'X',
      issuer: 'https://x.example',
      client_id: 'c',
      client_secret: 's',
    };
    const scopesOf = (scopes: unknown) =>
      load({ OIDC_PROVIDERS: JSON.stringify([{ ...entry, scopes }]) }).config.oidcProviders[0]?.scopes;
    for (const scopes of ['openid email', ' openid  email ', ['openid', 'email']])
      expect(scopesOf(scopes)).toEqual(['openid', 'email']);
    // Not as no scopes at all, with which no provider would tell an address.
    for (const scopes of ['', ' '])
      expect(faultsOf({ OIDC_PROVIDERS: JSON.stringify([{ ...entry, scopes }]) })).toEqual([
        'OIDC_PROVIDERS must be right in entry 1: "scopes" must be a list of texts.',
      ]);
  });

  test('each member of an entry of OIDC_PROVIDERS', () => {
    const entry = { id: 'X!', issuer: 'http://x.example', client_id: 7, scopes: 7, secret: 's' };
    const said = (entries: unknown) => faultsOf({ OIDC_PROVIDERS: JSON.stringify(entries) });
    expect(said([entry])).toEqual([
      'OIDC_PROVIDERS must be right in entry 1: "name" must be a text, "client_id" must be a text, "client_secret" must be a text, "scopes" must be a list of texts, there is no member "secret", "id" is made of a-z, 0-9, _ and -, "issuer" must start with https:// (plain http is accepted on localhost only).',
    ]);
    const missing = ['id', 'name', 'issuer', 'client_id', 'client_secret'].map(
      name => `"${name}" must be a text`,
    );
    expect(said([{}, {}])).toEqual([
      `OIDC_PROVIDERS must be right in entry 1: ${missing.join(', ')}; in entry 2: ${missing.join(', ')}.`,
    ]);
  });
});

test.each([
  ['http://mail.example.com', 'must look like smtp://user:password@host:587 or smtps://host'],
  ['smtp://mail.example.com?tls=maybe', 'must say tls=required or tls=off, or leave tls out'],
  ['smtp://mail.example.com?x=1', 'must have no other parameters than tls and ca'],
  ['smtp://u:p@mail.example.com?tls=off', 'must not send its password unencrypted: leave out tls=off'],
  ['smtp://u:100%@mail.example.com', 'must have each % in its user and password written as %25'],
])('SMTP_URL=%s is refused in one sentence', (SMTP_URL, complaint) => {
  expect(faultsOf({ SMTP_URL, MAIL_FROM: 'a@example.com' })).toEqual([`SMTP_URL ${complaint}.`]);
});

test('a word out of several is read in any case, as other programs write it', () => {
  const written = {
    ALGORITHM: 'eddsa',
    PASSWORD_HASH: 'Argon2id',
    LOG_LEVEL: 'INFO',
    PASSWORD_REQUIRE: 'Lower',
  };
  const { config } = load(written);
  expect([config.tokens.algorithm, config.passwords.hash, config.logLevel, config.passwords.require]).toEqual(
    ['EdDSA', 'argon2id', 'info', ['lower']],
  );
  const none = load({ PASSWORD_REQUIRE: 'None', RATE_LIMIT: 'OFF' }).config;
  expect([none.passwords.require, none.rateLimit]).toEqual([[], 'off']);
});

test('what is on or off is told so, in every spelling that is read', () => {
  expect(faultsOf({ DB_PREPARE: 'perhaps', PASSWORD_BLOCKLIST: '2' })).toEqual(
    ['DB_PREPARE', 'PASSWORD_BLOCKLIST'].map(
      name => `${name} must be on or off, true or false, yes or no, or 1 or 0.`,
    ),
  );
});

test('HOST is an address without brackets, or a name, without a port', () => {
  for (const HOST of ['[::]', '[::1]', '127.0.0.1:80', 'localhost:80', 'a b', 'http://a'])
    expect(faultsOf({ HOST })).toEqual([
      'HOST must be an address such as 0.0.0.0 or ::, or a host name, without brackets and port.',
    ]);
  for (const HOST of ['0.0.0.0', '::', '::1', 'fe80::1%eth0', 'localhost', 'auth_1.internal'])
    expect(faultsOf({ HOST, PUBLIC_URL: 'https://a.example', TRUST_PROXY: '1' })).toEqual([]);
});

test('an asterisk in a host is refused, since nothing is ever equal to it', () => {
  const complaint = 'must be origins in full: name each subdomain, since * stands for nothing.';
  for (const name of ['CORS_ORIGINS', 'WEBAUTHN_ORIGINS'])
    expect(faultsOf({ [name]: 'https://*.a.example' })).toEqual([`${name} ${complaint}`]);
  expect(faultsOf({ REDIRECT_URIS: 'https://*.a.example/cb' })).toEqual([
    'REDIRECT_URIS must be URLs in full: name each host, since * stands for nothing.',
  ]);
});

test('each number reaches its own place, times in seconds', () => {
  const { tokens, sessions, lockout, passwords, audit } = load({
    ACCESS_TOKEN_EXPIRE_MINUTES: '11',
    KEY_ROTATION_DAYS: '12',
    REFRESH_TOKEN_EXPIRE_DAYS: '13',
    SESSION_MAX_AGE_DAYS: '14',
    REFRESH_REUSE_GRACE_SECONDS: '15',
    REAUTH_MINUTES: '16',
    LOCKOUT_ATTEMPTS: '17',
    LOCKOUT_WINDOW_MINUTES: '18',
    LOCKOUT_MINUTES: '19',
    LOCKOUT_MAX_MINUTES: '20',
    PASSWORD_MIN_LENGTH: '21',
    PASSWORD_MAX_LENGTH: '122',
    PASSWORD_MAX_AGE_DAYS: '23',
    PASSWORD_HISTORY: '4',
    BCRYPT_COST: '11',
    ARGON2_MEMORY_KIB: '20026',
    ARGON2_PASSES: '3',
    HASH_QUEUE_MAX: '28',
    AUDIT_RETENTION_DAYS: '90',
  }).config;
  const day = 86_400;
  expect(tokens).toMatchObject({ accessLifetime: 11 * 60, keyRotationAge: 12 * day });
  const [idleLifetime, maxAge] = [13 * day, 14 * day];
  expect(sessions).toEqual({ idleLifetime, maxAge, reuseGrace: 15, reauthAge: 16 * 60 });
  expect(lockout).toEqual({ attempts: 17, window: 18 * 60, duration: 19 * 60, maxDuration: 20 * 60 });
  expect(passwords).toMatchObject({ minLength: 21, maxLength: 122, maxAgeDays: 23, history: 4 });
  expect(passwords).toMatchObject({ bcryptCost: 11, argon2MemoryKib: 20_026, argon2Passes: 3, queueMax: 28 });
  expect(audit.retentionDays).toBe(90);
});

test('the user and password of an address that pages are built on would be shown to everybody', () => {
  for (const PUBLIC_URL of ['https://u@a.example', 'https://u:p@a.example', 'https://:p@a.example'])
    expect(faultsOf({ PUBLIC_URL, TRUST_PROXY: '1' })).toEqual([
      'PUBLIC_URL must be a URL without credentials, query or fragment.',
    ]);
});

describe('plain http, which is for this machine alone', () => {
  test.each(['127.9.8.7', '[::1]', 'localhost', 'google.localhost'])('is taken for %s', host => {
    expect(faultsOf({ GOOGLE_ISSUER: `http://${host}` })).toEqual([]);
  });

  test.each(['127.0.0.1.evil.example', '127.evil.example', 'evillocalhost', 'localhost.evil.example'])(
    'is refused for %s, which only looks like it',
    host => {
      expect(faultsOf({ GOOGLE_ISSUER: `http://${host}` })).toEqual([
        'GOOGLE_ISSUER must start with https:// (plain http is accepted on localhost only).',
      ]);
    },
  );
});

test.each(['data:text/html', 'vbscript:x', 'file:///x', 'blob:https://a.example/x', 'javascript:x', '/x'])(
  'no code is sent to %s',
  REDIRECT_URIS => {
    expect(faultsOf({ REDIRECT_URIS })).toEqual([
      'REDIRECT_URIS must be absolute URLs without a fragment, separated by commas.',
    ]);
  },
);

test.each(['https://a.example?x', 'https://u@a.example', 'https://a.example#x'])(
  '%s is more than an origin, so that no browser ever sends it',
  CORS_ORIGINS => {
    expect(faultsOf({ CORS_ORIGINS })).toEqual([
      'CORS_ORIGINS must be origins without credentials, query or fragment.',
    ]);
  },
);

test('a WEBAUTHN_RP_ID that no page of ours is below is refused', () => {
  expect(faultsOf({ WEBAUTHN_RP_ID: 'foo.com' })).toEqual([
    'WEBAUTHN_RP_ID=foo.com is neither the host of PUBLIC_URL (http://localhost:8000) or APP_URL (http://localhost:8000) nor a parent of it, so browsers refuse passkeys: set it to one, or set those.',
  ]);
  const urls = { PUBLIC_URL: 'https://auth.foo.com', APP_URL: 'https://app.bar.com', TRUST_PROXY: '1' };
  for (const WEBAUTHN_RP_ID of ['foo.com', 'auth.foo.com', 'bar.com'])
    expect(faultsOf({ ...urls, WEBAUTHN_RP_ID })).toEqual([]);
  expect(faultsOf({ ...urls, WEBAUTHN_RP_ID: 'oo.com' })).toHaveLength(1);
  expect(faultsOf({ WEBAUTHN_RP_ID: 'foo.com', WEBAUTHN_ORIGINS: 'https://foo.com' })).toEqual([]);
});

describe('MAIL_FROM is one address', () => {
  test.each([
    'a@b,c@d',
    'a@b;c@d',
    'A <a@b>, B <c@d>',
    'Acme, Inc <a@b>',
    'Team: A <a@b>',
    'A <a@b',
    'a@b>',
    'A <a@b> c',
    '"A <a@b>',
    'a b@c',
  ])('%s is refused', MAIL_FROM => {
    expect(faultsOf({ MAIL_FROM })).toEqual([
      'MAIL_FROM must be one address, such as no-reply@example.com or Entrecore <no-reply@example.com>; put a name with a comma in double quotes.',
    ]);
  });

  test.each([
    'a@b',
    'a+b.c@x.example',
    'Ünal & Co. (DE) <a@b>',
    '"Acme, Inc: <all>" <a@b>',
    '<a@b>',
    'A <a@[::1]>',
  ])('%s is taken', MAIL_FROM => {
    expect(load({ MAIL_FROM }).config.mail.from).toBe(MAIL_FROM);
  });

  test('and so is the default, whatever the host of PUBLIC_URL', () => {
    expect(load({ PUBLIC_URL: 'http://[::1]:8000' }).config.mail.from).toBe('Entrecore <no-reply@[::1]>');
  });
});

test.each(['/proc', '/proc/no/data', '/sys/data', '/dev/data'])(
  'DATA_DIR=%s is refused, since no files are kept there',
  DATA_DIR => {
    const kernel = /^\/\w+/.exec(DATA_DIR)?.[0];
    expect(faultsOf({ DATA_DIR })).toEqual([
      `DATA_DIR: ${DATA_DIR} cannot be used: it lies under ${kernel}, where no files are kept. Set DATA_DIR to a folder that this user may write, or DATABASE_URL to a PostgreSQL server.`,
    ]);
  },
);

test('the secret of a webhook without its URL is refused, as the URL without the secret is', () => {
  expect(faultsOf({ SMS_WEBHOOK_SECRET: JWT })).toEqual([
    'SMS_WEBHOOK_URL and SMS_WEBHOOK_SECRET belong together: set both, or neither.',
  ]);
});

describe('a list that holds nothing', () => {
  const lists = [
    'PASSWORD_REQUIRE',
    'GOOGLE_CLIENT_ID',
    'REDIRECT_URIS',
    'CORS_ORIGINS',
    'SMS_COUNTRIES',
  ] as const;

  test.each(lists)('%s of nothing but commas and blanks is refused, and does not ask for nothing', name => {
    for (const value of [',', ' ', ' , ']) {
      expect(faultsOf({ [name]: value })).toEqual([
        `${name} must hold at least one value: write one, or leave it out.`,
      ]);
    }
    expect(faultsOf({ [name]: '' })).toEqual([]);
  });

  test('earlier secrets may all be gone, since whoever writes them writes the commas too', () => {
    expect(load({ JWT_SECRET_KEY_PREVIOUS: ',' }).config.tokens.previousJwtSecrets).toEqual([]);
  });
});
