import { BlockList, isIP } from 'node:net';
import type { Config } from '../config.ts';

/** Says who called, from the peer of the connection and its X-Forwarded-For. */
export type AddressReader = (peer: string | undefined, forwardedFor: string | undefined) => string;

/**
 * The client's address under TRUST_PROXY. X-Forwarded-For is read from the right, where each proxy added its own peer: an
 * entry is believed only if a believed proxy added it, and reading stops at the first that is not. So a header that the
 * client made up is never reached. Always an IP address, with mapped ones as IPv4; empty for a unix socket.
 */
export function addressReader(trust: Config['http']['trustProxy']): AddressReader {
  if (trust === null) return peer => unmapped(peer ?? '');
  const isBelieved = beliefIn(trust);
  return (peer, forwardedFor) => {
    let address = unmapped(peer ?? '');
    if (forwardedFor === undefined) return address;
    const entries = forwardedFor.split(',');
    for (let hop = 0; entries.length > 0 && isBelieved(address, hop); hop++) {
      const next = addressOf(entries.pop() as string);
      // A proxy that works writes nothing but addresses.
      if (next === null) break;
      address = next;
    }
    return address;
  };
}

/** Whether the peer of a connection is a proxy whose headers are believed. */
export function believesPeer(trust: Config['http']['trustProxy']): (peer: string | undefined) => boolean {
  if (trust === null) return () => false;
  const isBelieved = beliefIn(trust);
  return peer => isBelieved(unmapped(peer ?? ''), 0);
}

/** What limits count by: an IPv4 address, or the /64 of an IPv6 one, since one household or host has the whole /64. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.split('%')[0] as string).split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    // A dotted quad at the end stands for two groups.
    const length = after.length + (after.at(-1)?.includes('.') === true ? 1 : 0);
    while (groups.length + length < 8) groups.push('0');
    groups.push(...after);
  }
  const network = groups.slice(0, 4).map(group => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The plain form of an IPv4 address that an IPv6 socket reports as ::ffff:…; any other address as it is. */
export function unmapped(address: string): string {
  return address.charCodeAt(0) === 58 ? (MAPPED.exec(address)?.[1] ?? address) : address;
}

// An entry may carry a port: 192.0.2.1:4711, [2001:db8::1]:4711.
function addressOf(entry: string): string | null {
  const text = entry.trim();
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 || bare.includes('%') ? null : unmapped(bare);
}

// Whether the speaker `hop` proxies away from here is believed.
function beliefIn(trust: number | readonly string[]): (address: string, hop: number) => boolean {
  return typeof trust === 'number' ? (_, hop) => hop < trust : withinAny(trust);
}

/** Says whether an address lies in one of these networks. */
export function withinAny(cidrs: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/');
    // Not with `isIP`: Node.js takes milliseconds to compile its IPv6 pattern, which a start would wait for.
    const family = address.includes(':') ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(prefix ?? (family === 'ipv4' ? 32 : 128)), family);
  }
  return address => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}
