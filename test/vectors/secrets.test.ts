import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { deriveSecrets, type Label } from '../../src/platform/secrets.ts';

const hmac = (key: Buffer | string, data: Buffer | string) => createHmac('sha256', key).update(data).digest();

/** HKDF-SHA-256 by the letter of RFC 5869 §2, independent of the library that the service uses. */
function hkdf(secret: Buffer | string, salt: Buffer | string, info: Buffer | string, length: number): Buffer {
  const key = hmac(salt, Buffer.from(secret as string));
  let block = Buffer.alloc(0);
  let out = Buffer.alloc(0);
  for (let count = 1; out.length < length; count++) {
    block = hmac(key, Buffer.concat([block, Buffer.from(info as string), Buffer.from([count])]));
    out = Buffer.concat([out, block]);
  }
  return out.subarray(0, length);
}

test('the HKDF of this test makes the output of RFC 5869 A.1, and its HMAC that of RFC 4231 §4.3', () => {
  const okm = hkdf(
    Buffer.alloc(22, 0x0b),
    Buffer.from('000102030405060708090a0b0c', 'hex'),
    Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex'),
    42,
  );
  expect(okm.toString('hex')).toBe(
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  );
  expect(hmac('Jefe', 'what do ya want for nothing?').toString('hex')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

const ROOT = 'a root secret for vectors, 32 bytes';
const LABELS: Label[] = ['refresh-token', 'cookie', 'challenge', 'lockout', 'notice'];

test.each(LABELS)('the key for %s is HKDF of the root with that label, and no other', label => {
  const key = hkdf(ROOT, 'entrecore-auth', `key:${label}`, 32);
  const secrets = deriveSecrets(ROOT);
  const mac = secrets.mac(label, 'message');
  expect(mac).toEqual(hmac(key, 'message'));
  for (const other of LABELS) expect(secrets.verifyMac(other, 'message', mac)).toBe(other === label);
  expect(secrets.verifyMac(label, 'message', mac.subarray(1))).toBe(false);
});

test('a stored code of the first release still verifies, and a stored secret still opens', () => {
  const secrets = deriveSecrets('another root, which came later, 32+', [ROOT]);
  const mac = Buffer.from('9d0f3cd94b13f59e7dba1b7863e2f93771ee9cb00428a8262ab6312969a630c5', 'hex');
  expect(secrets.verifyMac('refresh-token', 'what do ya want for nothing?', mac)).toBe(true);
  const sealed = Buffer.from(
    '01f6310967284eb4b123edce502b452dfa720024fc0b762e8959fcaee0056051962fe17d84838e1251bb41c1eae4dbd3ef',
    'hex',
  );
  expect(secrets.open('factors:1', sealed).toString()).toBe('JBSWY3DPEHPK3PXP');
  expect(secrets.rootIds[1]).toEqual(sealed.subarray(1, 5));
});

test('a sealed value opens for its own context alone, and not with a bit changed', () => {
  const secrets = deriveSecrets(ROOT);
  const sealed = secrets.seal('factors:1', 'secret');
  expect(secrets.open('factors:1', sealed).toString()).toBe('secret');
  expect(() => secrets.open('factors:2', sealed)).toThrow(/./);
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    // Bytes 1 to 4 name the root.
    const told = at >= 1 && at <= 4 ? /AUTH_ROOT_SECRET_PREVIOUS/ : /./;
    expect(() => secrets.open('factors:1', changed), `byte ${at}`).toThrow(told);
  }
  expect(secrets.seal('factors:1', 'secret')).not.toEqual(sealed);
});
