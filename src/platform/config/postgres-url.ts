import { isIP } from 'node:net';
import type { Environment } from './sources.ts';
import { isLoopback } from './url-parsers.ts';
import { type Parser, Unacceptable } from './variable.ts';

// How the driver reads each mode: it never falls back to plain text, and every mode that verifies does so as verify-full
// does.
const MODES = new Map([
  ['disable', 'disable'],
  ['no-verify', 'no-verify'],
  ['require', 'verify-full'],
  ['verify-ca', 'verify-full'],
  ['verify-full', 'verify-full'],
]);
const MODES_IN_WORDS = 'verify-full (require and verify-ca verify as it does), no-verify or disable';

/** How a connection is encrypted, in libpq's words; require and verify-ca become verify-full, as the driver treats them. */
export const sslMode: Parser<string> = value => {
  const mode = MODES.get(value);
  if (mode === undefined) throw new Unacceptable(`must be ${MODES_IN_WORDS}; "${value}" is none of them`);
  return mode;
};

// libpq would try several hosts one after the other; the driver takes the list for one name.
const SEVERAL_HOSTS =
  /^postgres(?:ql)?:\/\/(?:[^/?#]*@)?[^/?#@]*,[^/?#@]*(?:[/?#]|$)|[?&]host=(?!\/|%2f)[^&#]*(?:,|%2c)/i;
const ONE_HOST =
  'must name one host: put an address before several servers that leads to the primary (a proxy, or one that moves)';

// To WHATWG, a URL without a host after the @ is invalid, so one is put in; the driver ignores it for the host in the query.
const NO_HOST_BUT_IN_QUERY = /^(postgres(?:ql)?:\/\/[^/?#@]*@)(?=\/[^#]*[?&]host=[^&#])/i;

/**
 * A URL of PostgreSQL; the host may stand in the query (`?host=/run/postgresql`). Only an sslmode that nobody in between can
 * change into another is accepted: require and verify-ca become verify-full, as the driver treats them.
 */
export const postgresUrl: Parser<string> = text => {
  const value = text.replace(NO_HOST_BUT_IN_QUERY, '$1localhost');
  if (SEVERAL_HOSTS.test(value)) throw new Unacceptable(ONE_HOST);
  const url = URL.parse(value);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new Unacceptable('must look like postgres://user:password@host:5432/database?sslmode=verify-full');
  }
  const port = url.searchParams.getAll('port').at(-1) ?? '';
  if (!/^([1-9]\d*)?$/.test(port) || Number(port) > 65_535) {
    throw new Unacceptable(`must have a port from 1 to 65535; "${port}" is none`);
  }
  // Whoever asks for the driver's other reading of these modes has looked up what they mean.
  if (url.searchParams.get('uselibpqcompat') === 'true') return value;
  const unknown = url.searchParams.getAll('sslmode').find(mode => !MODES.has(mode));
  if (unknown !== undefined) {
    throw new Unacceptable(`must have an sslmode of ${MODES_IN_WORDS}; "${unknown}" is none of them`);
  }
  return value.replaceAll(/([?&]sslmode=)(?:require|verify-ca)(?=&|$)/g, '$1verify-full');
};

const LABEL = String.raw`[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}_])?`;
// Names of containers may have underscores, which RFC 1123 does not allow.
const HOST_NAME = new RegExp(String.raw`^(?=.{1,253}$)${LABEL}(?:\.${LABEL})*\.?$`, 'u');
const WITH_PORT = /^([^:/@\s]+|\[[0-9a-f:.]+\]):(\d{1,5})$/i;

/** What DB_HOST may be: a host name, an address (of IPv6 with brackets or without), or the folder of a unix socket. */
export const postgresHost: Parser<string> = value => {
  if (value.startsWith('/')) return value;
  const host = value.replace(/^\[(.*)\]$/, '$1');
  // A zone (fe80::1%eth0) has no place in a URL.
  if ((isIP(host) !== 0 && !host.includes('%')) || HOST_NAME.test(value)) return host;
  if (value.includes(',') && !value.includes('://')) throw new Unacceptable(ONE_HOST);
  const [, alone, port] = WITH_PORT.exec(value) ?? [];
  if (alone !== undefined) {
    throw new Unacceptable(`must be a host alone: set DB_HOST=${alone} and DB_PORT=${port}`);
  }
  if (value.includes('://')) {
    throw new Unacceptable('must be a host alone: a whole URL goes into DATABASE_URL, in place of DB_*');
  }
  throw new Unacceptable(
    'must be a host name, an IP address, or the folder of a unix socket such as /run/postgresql; user, database and port have variables of their own (DB_USER, DB_NAME, DB_PORT)',
  );
};

/** False for this machine: a loopback name or address, or the folder of a unix socket. */
export function isElsewhere(host: string): boolean {
  return !/^(?:\/|%2f)/i.test(host) && !isLoopback(host);
}

/** The other machine that a URL reaches in plain text without saying so; null where there is none. */
export function plainTextHost(url: string, env: Environment): string | null {
  const { hostname, searchParams } = new URL(url);
  const host = searchParams.getAll('host').at(-1) || hostname || env.PGHOST || 'localhost';
  const says = ['sslmode', 'ssl', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation'].some(
    name => (searchParams.get(name) ?? '') !== '',
  );
  return says || saysDriverMode(env) || !isElsewhere(host) ? null : host;
}

/** True if PGSSLMODE, which the driver reads when nothing else is said, says whether and how to encrypt. */
export function saysDriverMode({ PGSSLMODE: mode = '' }: Environment): boolean {
  return mode === 'prefer' || MODES.has(mode);
}
