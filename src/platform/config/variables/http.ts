import { choice, integer, list, matching, text } from '../parsers.ts';
import { listenHost, origin, proxies, redirectUri, secureUrl, webUrl } from '../url-parsers.ts';
import { type Lookup, optional, setting } from '../variable.ts';

// The URL as written, and as a page there sees it: in lower case, without a default port, and in Punycode.
function asBrowsersSay(appUrl: string): string {
  const forms = [appUrl, URL.parse(appUrl)?.href ?? appUrl].map(form => form.replace(/\/+$/, ''));
  return [...new Set(forms)].join(',');
}

const originOf = (url: string) => URL.parse(url)?.origin ?? url;

export const http = {
  HOST: setting(
    listenHost,
    'Address to listen on; 0.0.0.0 for all IPv4 addresses, :: for all addresses.',
    '127.0.0.1',
  ),
  PORT: setting(integer(0, 65_535), 'Port to listen on; 0 takes a free one.', '8000'),
  PUBLIC_URL: setting(
    secureUrl,
    "URL at which clients reach the service: the issuer (iss) and the base of the service's own links. https, or http on loopback.",
    lookup => `${lookup('TLS_CERT_FILE') === null ? 'http' : 'https'}://localhost:${lookup('PORT')}`,
    { fallbackText: 'http://localhost:$PORT, or https if TLS_CERT_FILE is set' },
  ),
  APP_URL: setting(
    webUrl,
    'URL of the web client, the base of the links in mails. By default the links open pages of this service.',
    lookup => `${lookup('PUBLIC_URL')}`,
    { fallbackText: 'PUBLIC_URL' },
  ),
  CORS_ORIGINS: setting(
    list(origin),
    'Origins of web clients that may call from a browser, with credentials; separated by commas.',
    (lookup: Lookup) => originOf(`${lookup('APP_URL')}`),
    { fallbackText: 'the origin of APP_URL' },
  ),
  REDIRECT_URIS: setting(
    list(redirectUri),
    'URIs to which a sign-in with a provider may send people back, besides the hosted pages; exact match, separated by commas.',
    lookup => asBrowsersSay(`${lookup('APP_URL')}`),
    { fallbackText: 'APP_URL' },
  ),
  TRUST_PROXY: optional(
    proxies,
    'Proxies whose X-Forwarded-* headers are trusted: how many stand before the service, or their CIDRs separated by commas.',
    { fallbackText: 'none: those headers are ignored' },
  ),
  TLS_CERT_FILE: optional(
    text,
    'PEM file with the certificate chain, to serve HTTPS directly; read again when it changes.',
    { fallbackText: 'off' },
  ),
  TLS_KEY_FILE: optional(text, 'PEM file with the private key of TLS_CERT_FILE.', { fallbackText: 'off' }),
  METRICS_TOKEN: optional(
    matching(/^[A-Za-z0-9\-._~+/]+=*$/, 'a bearer token: letters, digits and -._~+/, with = at its end'),
    'Lets its bearer read /metrics from anywhere; at least 16 bytes. Make one: openssl rand -base64 48',
    {
      secret: true,
      fallbackText: 'none: /metrics answers only loopback and private addresses, without a proxy in between',
    },
  ),
  LOG_LEVEL: setting(
    choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'The lowest level that is logged: fatal, error, warn, info, debug, trace, or silent for nothing.',
    'info',
  ),
};
