import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hmacWith, sha256 } from './digest.ts';

// RFC 4231 §4.2 to §4.8, without the truncated output of §4.6: a key, data, and the codes under SHA-256, -384 and -512.
const VECTORS = [
  {
    key: Buffer.alloc(20, 0x0b),
    data: Buffer.from('Hi There'),
    sha256: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    sha384:
      'afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6',
    sha512:
      '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
  },
  {
    key: Buffer.from('Jefe'),
    data: Buffer.from('what do ya want for nothing?'),
    sha256: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    sha384:
      'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
    sha512:
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  },
  {
    key: Buffer.alloc(20, 0xaa),
    data: Buffer.alloc(50, 0xdd),
    sha256: '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
    sha384:
      '88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27',
    sha512:
      'fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb',
  },
  {
    key: Buffer.alloc(131, 0xaa),
    data: Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'),
    sha256: '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    sha384:
      '4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952',
    sha512:
      '80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598',
  },
];

describe.each(['sha256', 'sha384', 'sha512'] as const)('HMAC with %s', digest => {
  test('makes the codes of RFC 4231', () => {
    for (const { key, data, [digest]: code } of VECTORS)
      expect(hmacWith(digest, key)(data, 'hex')).toBe(code);
  });

  test('makes the codes of any length of data, one after the other, in bytes and in UTF-8', () => {
    const key = Buffer.from('a key of the length that a secret has');
    const mac = hmacWith(digest, key);
    // Downwards too: what a longer one left must not count. Around the length from which OpenSSL's HMAC takes over.
    for (const length of [
      0, 1, 55, 56, 63, 64, 111, 112, 128, 2047, 2048, 2049, 6143, 6144, 6145, 70_000, 3, 0,
    ]) {
      for (const data of [
        'a'.repeat(length),
        'ł'.repeat(length),
        '€'.repeat(length),
        Buffer.alloc(length, 9),
      ]) {
        const expected = createHmac(digest, key).update(data).digest('base64url');
        expect(mac(data, 'base64url'), `${length} of ${String(data).slice(0, 1)}`).toBe(expected);
      }
    }
  });
});

test('two keys do not disturb each other', () => {
  const [one, other] = [hmacWith('sha256', Buffer.from('one')), hmacWith('sha256', Buffer.from('other'))];
  const [first, second] = [one('data', 'hex'), other('data', 'hex')];
  expect(first).not.toBe(second);
  expect(one('data', 'hex')).toBe(first);
});

test('SHA-256 of bytes and of a text in UTF-8', () => {
  for (const data of ['', 'abc', 'ł€', Buffer.from([0xff, 0x00])])
    expect(sha256(data)).toEqual(createHash('sha256').update(data).digest());
});
