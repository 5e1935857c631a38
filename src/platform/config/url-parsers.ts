import { BlockList, isIP } from 'node:net';
import { type Parser, Unacceptable } from './variable.ts';

/** True for localhost, its subdomains (RFC 6761 §6.3), 127.0.0.0/8 and ::1. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d+){3}$/.test(host)
  );
}

/** What to listen on: an address, or a name that is looked up at start. */
export const listenHost: Parser<string> = value => {
  if (isIP(value) === 0 && !/^[^\s/:[\]]+$/.test(value)) {
    throw new Unacceptable(
      'must be an address such as 0.0.0.0 or ::, or a host name, without brackets and port',
    );
  }
  return value;
};

/** An address that pages and tokens are built on: no query, fragment or credentials; given back without a trailing slash. */
export const webUrl: Parser<string> = value => {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Unacceptable('must be a URL that starts with https://');
  }
  if (
    url.search !== '' ||
    url.hash !== '' ||
    url.username !== '' ||
    url.password !== '' ||
    /[?#]/.test(value)
  ) {
    throw new Unacceptable('must be a URL without credentials, query or fragment');
  }
  return url.href.replace(/\/+$/, '');
};

/** As `webUrl`; plain http is accepted on loopback only. */
export const secureUrl: Parser<string> = value => {
  const url = webUrl(value);
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:' && !isLoopback(hostname)) {
    throw new Unacceptable('must start with https:// (plain http is accepted on localhost only)');
  }
  return url;
};

/**
 * A URL that the service sends requests to: http or https, with any path and query. It is shown and logged, so it holds no
 * password.
 */
export const endpoint: Parser<string> = value => {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Unacceptable('must be a URL that starts with https://');
  }
  // fetch refuses such a URL (Fetch Standard, Request constructor), so no request would ever be made.
  if (url.username !== '' || url.password !== '') {
    throw new Unacceptable(
      'must have no user and password before its host: take them out, they are never sent',
    );
  }
  return value;
};

/** True for plain http to another machine, where anyone on the way can read and change it. */
export function isExposed(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopback(hostname);
}

/** An origin as browsers send it (RFC 6454 §6.2): scheme, host, port, and nothing else. */
export const origin: Parser<string> = value => {
  const url = URL.parse(value);
  if (url === null || url.host === '' || (url.pathname !== '/' && url.pathname !== '')) {
    throw new Unacceptable('must be origins such as https://app.example.com, separated by commas; never *');
  }
  // The comparison is exact: a browser never sends an asterisk.
  if (url.host.includes('*')) {
    throw new Unacceptable('must be origins in full: name each subdomain, since * stands for nothing');
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new Unacceptable('must be origins without credentials, query or fragment');
  }
  return `${url.protocol}//${url.host}`;
};

/** An origin as authenticators sign it: that of a page, or the hash of an Android program's key. */
export const passkeyOrigin: Parser<string> = value =>
  /^android:apk-key-hash:[\w-]{43}$/.test(value) ? value : origin(value);

const DANGEROUS = new Set(['javascript:', 'data:', 'vbscript:', 'file:', 'blob:']);

/** A redirect URI (RFC 6749 §3.1.2): absolute, without a fragment. Schemes of mobile programs are accepted. */
export const redirectUri: Parser<string> = value => {
  const url = URL.parse(value);
  if (url === null || DANGEROUS.has(url.protocol) || value.includes('#')) {
    throw new Unacceptable('must be absolute URLs without a fragment, separated by commas');
  }
  if (url.host.includes('*')) {
    throw new Unacceptable('must be URLs in full: name each host, since * stands for nothing');
  }
  return value;
};

/** How many proxies stand in front of the service, or their addresses as CIDRs. */
export const proxies: Parser<number | readonly string[]> = value => {
  if (/^\d+$/.test(value)) {
    const hops = Number(value);
    if (hops < 1 || hops > 16)
      throw new Unacceptable(
        'must be 1 to 16 hops, or CIDRs separated by commas; without a proxy, leave it out',
      );
    return hops;
  }
  const parts = value
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');
  if (parts.length === 0 || !parts.every(isCidr)) {
    throw new Unacceptable('must be a number of hops, or CIDRs such as 10.0.0.0/8, separated by commas');
  }
  return parts;
};

function isCidr(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || (prefix !== undefined && !/^\d{1,3}$/.test(prefix))) return false;
  if (prefix === undefined) return true;
  try {
    new BlockList().addSubnet(address, Number(prefix), version === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}
