import type { IncomingHttpHeaders } from 'node:http';
import { unmapped, withinAny } from './client-address.ts';

/** True if a proxy or a tunnel says that it passes on the request of somebody else: the peer is then not the caller. */
export function isForwarded(headers: IncomingHttpHeaders): boolean {
  return Object.keys(headers).some(name => name.startsWith('x-forwarded') || FORWARDING.has(name));
}

/** True for a peer on this machine or on a private network (RFC 1918, RFC 4193, RFC 3927, RFC 4291 §2.5.6). */
export function isPrivatePeer(peer: string | undefined): boolean {
  // A link-local address may name its interface: fe80::1%eth0.
  return peer !== undefined && withinPrivate(unmapped(peer.split('%')[0] as string));
}

const FORWARDING = new Set([
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-host',
  'x-original-forwarded-for',
  'cf-connecting-ip',
  'fastly-client-ip',
  'true-client-ip',
]);

const withinPrivate = withinAny([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
]);
