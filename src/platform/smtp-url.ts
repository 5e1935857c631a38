import { isIPv4 } from 'node:net';
import { Unacceptable } from './config/variable.ts';

/** The mail server that an SMTP_URL names, in nodemailer's terms. */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly secure: boolean;
  /** No mail without STARTTLS. */
  readonly requireTLS: boolean;
  readonly ignoreTLS: boolean;
  readonly opportunisticTLS: boolean;
  /** Whether the certificate must verify. Where plain text would do, an unknown certificate is still better than none. */
  readonly verify: boolean;
  /** One more authority to trust, as a PEM file. */
  readonly caFile: string | null;
  readonly auth?: { readonly user: string; readonly pass: string };
}

/**
 * What an SMTP_URL means. `smtps://` speaks TLS from the first byte. `smtp://` takes STARTTLS where it is offered and
 * insists on it, with a certificate that verifies, when `?tls=required` says so, and always when it carries credentials
 * to a host that is not loopback. `?tls=off` never encrypts; `?ca=FILE` trusts one more authority. Throws
 * `Unacceptable`.
 */
export function parseSmtpUrl(text: string): SmtpServer {
  const url = URL.parse(text);
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '')
    throw new Unacceptable('must look like smtp://user:password@host:587 or smtps://host');
  for (const name of url.searchParams.keys()) {
    if (name !== 'tls' && name !== 'ca')
      throw new Unacceptable('must have no other parameters than tls and ca');
  }
  const secure = url.protocol === 'smtps:';
  const tls = url.searchParams.get('tls') ?? 'default';
  if (!['default', 'required', 'off'].includes(tls))
    throw new Unacceptable('must say tls=required or tls=off, or leave tls out');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const loopback = host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
  const user = decoded(url.username);
  if (tls === 'off' && (secure || (user !== '' && !loopback)))
    throw new Unacceptable('must not send its password unencrypted: leave out tls=off');
  const requireTLS = !secure && (tls === 'required' || (user !== '' && !loopback));
  return {
    host,
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTLS,
    ignoreTLS: tls === 'off',
    opportunisticTLS: !secure && !requireTLS,
    verify: secure || requireTLS,
    caFile: url.searchParams.get('ca') || null,
    ...(user !== '' && { auth: { user, pass: decoded(url.password) } }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Unacceptable('must have each % in its user and password written as %25');
  }
}
