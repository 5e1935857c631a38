import { mailboxEnabled } from './delivery/local-only.ts';
import { isLoopback } from './platform/config/url-parsers.ts';
import { type Config, isSymmetric } from './platform/config.ts';

const EVERYWHERE = new Set(['0.0.0.0', '::']);

/**
 * What a person at the terminal needs to know once the service runs: where things are, and what is not fit for production.
 * `config` is the one that was given, so a secret that was generated is missing in it.
 */
export function banner({ config, embedded }: { config: Config; embedded: boolean }): string {
  const { http, mail, dataDir, secrets, tokens } = config;
  const host = EVERYWHERE.has(http.host) ? 'localhost' : http.host;
  // RFC 3986 §3.2.2: an IPv6 address stands in brackets.
  const base = `${http.tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${http.port}`;
  const open = toOpen(base, http.publicUrl);
  const lines = [
    '',
    `  Entrecore Auth listens on ${base}`,
    '',
    `  Documentation  ${open}/docs`,
    ...(mailboxEnabled(config) ? [`  Mailbox        ${open}/dev/mailbox`] : []),
    ...(embedded ? [`  Data           ${dataDir} (embedded PostgreSQL)`] : []),
  ];
  const missing = [
    ...(embedded ? ['DATABASE_URL'] : []),
    ...(secrets.root === null ? ['AUTH_ROOT_SECRET'] : []),
    ...(tokens.jwtSecret === null && isSymmetric(tokens.algorithm) ? ['JWT_SECRET_KEY'] : []),
    ...(mail.smtpUrl === null ? ['SMTP_URL'] : []),
    ...(http.publicUrl.startsWith('https:') ? [] : ['PUBLIC_URL']),
  ];
  if (missing.length > 0)
    lines.push('', `  For production, set ${missing.join(', ')} (README, "Production").`);
  return `${lines.join('\n')}\n\n`;
}

/** PUBLIC_URL where that is this listener by another name: passkeys, and links in mails, work under its name alone. */
function toOpen(base: string, publicUrl: string): string {
  const here = new URL(base);
  const told = new URL(publicUrl);
  if (!isLoopback(here.hostname) || !isLoopback(told.hostname)) return base;
  told.hostname = here.hostname;
  return told.href === here.href ? publicUrl : base;
}
