import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressReader, networkOf } from './client-address.ts';

const PROXIES = ['10.0.0.0/8', '2001:db8:f::/48'];
const proxy = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `10.1.${a}.${b}`),
  fc.nat(0xffff).map(n => `2001:db8:f::${n.toString(16)}`),
);
const client = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `203.0.${a}.${b}`),
  fc.nat(0xffff).map(n => `2001:db8:c::${n.toString(16)}`),
);
const junk = fc.oneof(
  client,
  proxy,
  fc.constantFrom('', 'unknown', '127.0.0.1', '<b>', ' , ', '::'),
  fc.string(),
);

test('without TRUST_PROXY the peer called, whatever the header says', () => {
  const read = addressReader(null);
  fc.assert(
    fc.property(client, junk, (peer, header) => {
      expect(read(peer, header)).toBe(peer);
    }),
  );
  expect(read('::ffff:192.0.2.7', '198.51.100.1')).toBe('192.0.2.7');
  expect(read(undefined, '198.51.100.1')).toBe('');
});

test('with CIDRs, whatever the client claims stays out of reach behind its own address', () => {
  const read = addressReader(PROXIES);
  fc.assert(
    fc.property(fc.array(junk), client, fc.array(proxy, { minLength: 1 }), (claims, from, chain) => {
      // Each proxy appends who spoke to it; the last one is the peer.
      const peer = chain.at(-1) as string;
      const header = [...claims, from, ...chain.slice(0, -1)].join(', ');
      expect(read(peer, header)).toBe(from);
    }),
  );
});

test('with CIDRs, a stranger who calls directly is not believed', () => {
  const read = addressReader(PROXIES);
  fc.assert(
    fc.property(client, junk, (peer, header) => {
      expect(read(peer, header)).toBe(peer);
    }),
  );
});

test('with hops, exactly so many entries from the right are believed', () => {
  fc.assert(
    fc.property(
      fc.array(junk),
      client,
      fc.array(proxy, { minLength: 1, maxLength: 5 }),
      (claims, from, chain) => {
        const header = [...claims, from, ...chain.slice(0, -1)].join(',');
        expect(addressReader(chain.length)(chain.at(-1), header)).toBe(from);
      },
    ),
  );
});

test('a header that ends early, or in what is no address, names the last one that was known', () => {
  expect(addressReader(3)('10.0.0.1', '203.0.113.9, 10.0.0.2')).toBe('203.0.113.9');
  expect(addressReader(3)('10.0.0.1', 'unknown, 10.0.0.2')).toBe('10.0.0.2');
  expect(addressReader(1)('10.0.0.1', 'fe80::1%eth0')).toBe('10.0.0.1');
  expect(addressReader(1)('10.0.0.1', '')).toBe('10.0.0.1');
  expect(addressReader(1)('10.0.0.1', undefined)).toBe('10.0.0.1');
});

test.each([
  ['192.0.2.1', '192.0.2.2'],
  ['2001:db8::1', '2001:db8::2'],
])('an address without a prefix believes that one alone: %s', (believed, neighbour) => {
  const read = addressReader([believed]);
  expect(read(believed, '203.0.113.9')).toBe('203.0.113.9');
  expect(read(neighbour, '203.0.113.9')).toBe(neighbour);
});

test('ports, brackets and mapped addresses are understood, also of the proxies', () => {
  const read = addressReader(PROXIES);
  expect(read('::ffff:10.0.0.1', '203.0.113.9:4711')).toBe('203.0.113.9');
  expect(read('10.0.0.1', '[2001:db8:c::1]:4711, ::ffff:10.2.3.4')).toBe('2001:db8:c::1');
  expect(addressReader(['::1'])('::1', '203.0.113.9')).toBe('203.0.113.9');
});

test('whatever the header is, the answer is an address', () => {
  const read = addressReader(PROXIES);
  fc.assert(
    fc.property(fc.string(), header => {
      expect(isIP(read('10.0.0.1', header))).not.toBe(0);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0DB8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
])('%s is counted as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test('addresses of one /64 are counted together, others apart', () => {
  const group = fc.nat(0xffff).map(n => n.toString(16));
  const half = fc.array(group, { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(half, half, half, (network, one, other) => {
      const of = (rest: string[]) => networkOf([...network, ...rest].join(':'));
      expect(of(one)).toBe(of(other));
    }),
  );
  expect(networkOf('2001:db8::1')).not.toBe(networkOf('2001:db8:0:1::1'));
});
