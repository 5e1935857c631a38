import { flag, integer, matching, text } from '../parsers.ts';
import { postgresHost, postgresUrl, sslMode } from '../postgres-url.ts';
import { type Lookup, optional, setting } from '../variable.ts';

const withHost = (value: string) => (lookup: Lookup) => (lookup('DB_HOST') === null ? null : value);
const hasServer = (lookup: Lookup) => lookup('DB_HOST') !== null || lookup('DATABASE_URL') !== null;

export const database = {
  DB_HOST: optional(postgresHost, 'Host of the PostgreSQL server, or the folder of its socket.', {
    fallbackText: 'none: the embedded PostgreSQL under DATA_DIR',
  }),
  DB_PORT: optional(integer(1, 65_535), 'Port of the PostgreSQL server.', {
    fallback: withHost('5432'),
    fallbackText: '5432 once DB_HOST is set',
  }),
  DB_NAME: optional(matching(/^[^?#]+$/, 'a name without ? and #'), 'Name of the database.', {
    fallback: withHost('entrecore_auth'),
    fallbackText: 'entrecore_auth once DB_HOST is set',
  }),
  DB_USER: optional(text, 'Role to connect as.', {
    fallback: withHost('postgres'),
    fallbackText: 'postgres once DB_HOST is set',
  }),
  DB_PASSWORD: optional(text, 'Password of that role.', {
    secret: true,
    fallback: withHost('password'),
    fallbackText: 'password once DB_HOST is set',
  }),
  DB_SSLMODE: optional(
    sslMode,
    'TLS to DB_HOST: verify-full verifies the certificate (require and verify-ca do the same), no-verify only encrypts, disable does not encrypt.',
    {
      fallbackText: 'none: plain text, with a warning beyond loopback; verify-full if DB_SSLROOTCERT is set',
    },
  ),
  DB_SSLROOTCERT: optional(
    text,
    'PEM file of the certificate authority that must have issued the certificate of DB_HOST.',
    { fallbackText: 'the authorities that Node.js knows' },
  ),
  DATABASE_URL: optional(
    postgresUrl,
    'The same in one URL, which wins over DB_*: postgres://user:password@host:5432/name?sslmode=verify-full. sslmode takes the values of DB_SSLMODE; &sslrootcert=/path/to/ca.pem names a certificate authority of your own.',
    { secret: true },
  ),
  DB_POOL_MAX: setting(integer(1, 1000), 'How many connections a process opens at most.', '10'),
  DB_PREPARE: setting(flag, 'Use named prepared statements; switch off behind pgbouncer before 1.21.', 'on'),
  MIGRATE_ON_START: setting(
    flag,
    'Upgrade the schema at start, under the advisory lock. If off, the service does not start with an older schema.',
    lookup => (hasServer(lookup) ? 'false' : 'true'),
    { fallbackText: 'true with the embedded PostgreSQL, else false' },
  ),
  MIGRATE_DATABASE_URL: optional(
    postgresUrl,
    "Connects as the owner's role for migrations, if the service itself runs as a lesser role.",
    { secret: true, fallbackText: "the service's own" },
  ),
  DATA_DIR: setting(
    text,
    'Folder of the embedded database and of generated development secrets; a relative path starts at the folder of package.json.',
    './data',
  ),
};
