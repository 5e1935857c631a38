import type { IncomingHttpHeaders } from 'node:http';
import { isIPv4 } from 'node:net';
import type { Config } from '../platform/config.ts';
import { isForwarded } from '../platform/http/peer.ts';

/** True for `localhost`, 127.0.0.0/8 and ::1, however they are written; not for `*.localhost`, which DNS may know elsewhere. */
function isThisMachine(host: string): boolean {
  const bare = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '');
  return bare === 'localhost' || bare === '::1' || (isIPv4(bare) && bare.startsWith('127.'));
}

/** True when this service mails nobody and can be reached from this machine alone, as far as its configuration says. */
export function mailboxEnabled({ mail, http }: Pick<Config, 'mail' | 'http'>): boolean {
  return mail.smtpUrl === null && isThisMachine(http.host) && isThisMachine(hostnameOf(http.publicUrl));
}

/**
 * True when a request came from this machine, to this machine, through no intermediary: the mailbox holds live reset links, and
 * a reverse proxy or tunnel would show them to the world. The Host header also stops DNS rebinding.
 */
export function isLocalRequest(peer: string | undefined, headers: IncomingHttpHeaders): boolean {
  return (
    !isForwarded(headers) &&
    peer !== undefined &&
    isThisMachine(peer) &&
    headers.host !== undefined &&
    isThisMachine(hostnameOf(`http://${headers.host}`))
  );
}

function hostnameOf(url: string): string {
  return URL.parse(url)?.hostname ?? '';
}
