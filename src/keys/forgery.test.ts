import { createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { numericDate } from '../platform/clock.ts';
import type { Problem } from '../platform/problems.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { sql } from '../platform/sql.ts';
import { type PublicJwk } from './algorithms.ts';
import { type KeyRing, openKeyRing } from './key-ring.ts';

// Each forgery is a good token with one thing wrong, made by hand from the specification's parts.
type Json = Record<string, unknown>;
const SECRET = 'a jwt secret for tests, 32 bytes or more';
const encode = (text: string | Buffer) => Buffer.from(text).toString('base64url');

let deps: TestDeps;
let shared: KeyRing;
let asymmetric: KeyRing;
let asymmetricDeps: TestDeps;
beforeAll(async () => {
  deps = await testDeps();
  shared = await openKeyRing(deps);
  asymmetricDeps = await testDeps({ tokens: { algorithm: 'ES256' } });
  asymmetric = await openKeyRing(asymmetricDeps);
});
afterAll(async () => {
  shared.close();
  asymmetric.close();
  await deps.close();
  await asymmetricDeps.close();
});

const ID = '019300f4-6f00-7000-8000-000000000001';
const now = () => numericDate(deps.clock.now());
const good = (): Json => ({
  iss: 'http://localhost:8000',
  aud: 'entrecore',
  sub: ID,
  jti: ID,
  sid: ID,
  roles: ['user'],
  permissions: [],
  amr: ['pwd'],
  auth_time: now(),
  iat: now(),
  nbf: now(),
  exp: now() + 1800,
});
const header = { alg: 'HS256', typ: 'at+jwt' };

function hs256(head: Json | string, payload: Json | string, key: string | Buffer = SECRET): string {
  const parts = [head, payload].map(part => encode(typeof part === 'string' ? part : JSON.stringify(part)));
  const input = parts.join('.');
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

function outcome(ring: KeyRing, token: string): string {
  try {
    ring.verify(token);
    return 'accepted';
  } catch (error) {
    return (error as Problem).code ?? String(error);
  }
}

test('the good token that every forgery starts from is accepted', () => {
  expect(outcome(shared, hs256(header, good()))).toBe('accepted');
  expect(outcome(shared, hs256({ ...header, typ: 'application/at+jwt' }, good()))).toBe('accepted');
  expect(outcome(shared, hs256(header, { ...good(), aud: ['elsewhere', good().aud] }))).toBe('accepted');
});

describe('headers (RFC 8725 §3, ASVS 9.1)', () => {
  const heads: [string, Json | string][] = [
    ['alg none', { ...header, alg: 'none' }],
    ['alg None', { ...header, alg: 'NonE' }],
    ['alg HS512 over an HS256 signature', { ...header, alg: 'HS512' }],
    ['alg RS256 over an HMAC', { ...header, alg: 'RS256' }],
    ['alg a number', { ...header, alg: 256 }],
    ['alg a list', { ...header, alg: ['HS256'] }],
    ['no alg', { typ: 'at+jwt' }],
    ['typ JWT', { ...header, typ: 'JWT' }],
    ['typ refresh+jwt', { ...header, typ: 'refresh+jwt' }],
    ['typ a list', { ...header, typ: ['at+jwt'] }],
    ['no typ', { alg: 'HS256' }],
    ['crit of an unknown extension', { ...header, crit: ['exp'], exp: 1 }],
    ['crit empty', { ...header, crit: [] }],
    ['crit null', { ...header, crit: null }],
    ['crit b64 (RFC 7797)', { ...header, crit: ['b64'], b64: true }],
    ['alg twice', '{"alg":"none","typ":"at+jwt","alg":"HS256"}'],
    ['alg twice, once escaped', '{"alg":"none","typ":"at+jwt","\\u0061lg":"HS256"}'],
    ['a list', '["HS256"]'],
    ['null', 'null'],
    ['no JSON', 'HS256'],
    ['a byte order mark', '\uFEFF{"alg":"HS256","typ":"at+jwt"}'],
  ];
  test.each(heads)('%s is refused', (_name, head) => {
    expect(outcome(shared, hs256(head, good()))).toBe('invalid_token');
  });

  test('kid is data, and jku, jwk, x5u and x5c are never looked at', () => {
    for (const kid of ['../../../../etc/passwd', "x' or '1'='1", 'HS256', '__proto__', '', 7, null]) {
      expect(outcome(shared, hs256({ ...header, kid }, good())), String(kid)).toBe('accepted');
    }
    const ours = { k: encode('evil'), kty: 'oct' };
    const led = { ...header, jku: 'http://127.0.0.1:1/', jwk: ours, x5u: 'http://127.0.0.1:1/', x5c: ['x'] };
    expect(outcome(shared, hs256(led, good()))).toBe('accepted');
    expect(outcome(shared, hs256(led, good(), 'evil'))).toBe('invalid_token');
  });
});

describe('claims (RFC 9068 §4, ASVS 9.2)', () => {
  const changes: [string, Json, string][] = [
    ['another issuer', { iss: 'http://localhost:8001' }, 'invalid_token'],
    ['an issuer with a slash more', { iss: 'http://localhost:8000/' }, 'invalid_token'],
    ['a list of issuers', { iss: ['http://localhost:8000'] }, 'invalid_token'],
    ['another audience', { aud: 'entrecore2' }, 'invalid_token'],
    ['an audience in capitals', { aud: 'ENTRECORE' }, 'invalid_token'],
    ['no audience', { aud: undefined }, 'invalid_token'],
    ['an empty audience', { aud: [] }, 'invalid_token'],
    ['no issuer', { iss: undefined }, 'invalid_token'],
    ['no exp', { exp: undefined }, 'invalid_token'],
    ['exp as text', { exp: '4000000000' }, 'invalid_token'],
    ['exp null', { exp: null }, 'invalid_token'],
    ['no nbf', { nbf: undefined }, 'invalid_token'],
    ['no iat', { iat: undefined }, 'invalid_token'],
    ['no jti', { jti: undefined }, 'invalid_token'],
    ['no sub', { sub: undefined }, 'invalid_token'],
    ['a sub that is no UUID', { sub: "' or 1=1 --" }, 'invalid_token'],
    ['a jti that is no UUID', { jti: 'x' }, 'invalid_token'],
    ['no sid', { sid: undefined }, 'invalid_token'],
    ['a sid that is no UUID', { sid: 'x' }, 'invalid_token'],
    ['a client_id beside a sid', { client_id: ID }, 'invalid_token'],
    ["another client's id", { sid: undefined, client_id: 'x' }, 'invalid_token'],
    ['roles as text', { roles: 'admin' }, 'invalid_token'],
    ['permissions of numbers', { permissions: [1] }, 'invalid_token'],
    ['amr missing', { amr: undefined }, 'invalid_token'],
    ['auth_time as text', { auth_time: '1' }, 'invalid_token'],
  ];
  test.each(changes)('%s is refused', (_name, change, code) => {
    expect(outcome(shared, hs256(header, { ...good(), ...change }))).toBe(code);
  });

  test('exp ends at its second, without leeway; nbf and iat may be one second ahead', () => {
    const at = (change: Json) => outcome(shared, hs256(header, { ...good(), ...change }));
    expect(at({ exp: now() })).toBe('token_expired');
    expect(at({ exp: now() - 1 })).toBe('token_expired');
    expect(at({ exp: now() + 1 })).toBe('accepted');
    expect(at({ exp: -1 })).toBe('invalid_token');
    expect(at({ nbf: now() + 1 })).toBe('accepted');
    expect(at({ nbf: now() + 2 })).toBe('invalid_token');
    expect(at({ iat: now() + 1 })).toBe('accepted');
    expect(at({ iat: now() + 2 })).toBe('invalid_token');
  });

  test('a claim that is said twice is refused, however it is spelled', () => {
    const text = JSON.stringify(good());
    for (const more of [`"sub":"${ID}"`, `"s\\u0075b":"${ID}"`, '"exp":4000000000', '"x":{"a":1,"a":2}']) {
      expect(outcome(shared, hs256(header, `{${more},${text.slice(1)}`)), more).toBe('invalid_token');
    }
    expect(outcome(shared, hs256(header, ` { "x": "{\\"sub\\":1,\\"sub\\":2}" , ${text.slice(1)} `))).toBe(
      'accepted',
    );
  });

  test('a payload that is no JSON object is refused', () => {
    for (const payload of ['[]', 'null', '"text"', '', '{', '{"__proto__":{"sub":"x"}}']) {
      expect(outcome(shared, hs256(header, payload)), payload).toBe('invalid_token');
    }
  });
});

describe('form (RFC 7515 §7.1)', () => {
  test('every spelling but the one that was signed is refused', () => {
    const token = hs256(header, good());
    const [head = '', payload = '', signature = ''] = token.split('.');
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const stray = last[last.indexOf(signature.at(-1) ?? '') | 1] ?? '';
    const spellings = [
      '',
      '.',
      '..',
      'x',
      head,
      `${head}.${payload}`,
      `${head}.${payload}.`,
      `.${payload}.${signature}`,
      `${head}..${signature}`,
      `${token}.`,
      `${token}.x`,
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      `${token}\0`,
      `${head}.${payload}.${signature.slice(0, -1)}`,
      `${head}.${payload}.${signature}AAAA`,
      `${head}.${payload}.${signature.slice(0, -1)}${stray}`,
      token.replaceAll('-', '+').replaceAll('_', '/'),
      JSON.stringify({ protected: head, payload, signature }),
    ];
    const others = spellings.filter(spelling => spelling !== token);
    const outcomes = others.map(spelling => outcome(shared, spelling));
    expect(outcomes).toEqual(others.map(() => 'invalid_token'));
  });

  test('one flipped bit anywhere is refused', () => {
    const token = hs256(header, good());
    for (let at = 0; at < token.length; at++) {
      const changed = String.fromCharCode(token.charCodeAt(at) ^ 1);
      expect(outcome(shared, token.slice(0, at) + changed + token.slice(at + 1)), `at ${at}`).toBe(
        'invalid_token',
      );
    }
  });

  test('a token over 16 KiB is refused, though its signature is right', () => {
    const fitting = {
      ...good(),
      permissions: Array.from({ length: 300 }, (_, count) => `application:${count + 1e9}`),
    };
    expect(outcome(shared, hs256(header, fitting))).toBe('accepted');
    expect(outcome(shared, hs256(header, { ...good(), junk: 'x'.repeat(16_384) }))).toBe('invalid_token');
  });

  test('tokens of ours that are no access tokens are refused', () => {
    const refresh = deps.random.bytes(85).toString('base64url');
    for (const token of [refresh, deps.random.bytes(32).toString('base64url')]) {
      expect(outcome(shared, token)).toBe('invalid_token');
    }
  });
});

describe('key pairs', () => {
  const publicKey = () => asymmetric.jwks().keys[0] as PublicJwk;
  const es256 = (head: Json, payload: Json) => {
    const input = [head, payload].map(part => encode(JSON.stringify(part))).join('.');
    return { input, with: (signature: Buffer) => `${input}.${encode(signature)}` };
  };

  test('an HMAC under the public key, in any form that an attacker has it, is refused (RFC 8725 §2.1)', () => {
    const jwk = publicKey();
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    const pem = key.export({ format: 'pem', type: 'spki' }) as string;
    const forms = [
      pem,
      pem.trim(),
      key.export({ format: 'der', type: 'spki' }),
      JSON.stringify(jwk),
      JSON.stringify({ keys: [jwk] }),
      Buffer.from(jwk.x ?? '', 'base64url'),
      SECRET,
      'x',
    ];
    for (const form of forms) {
      for (const alg of ['HS256', 'ES256']) {
        const token = hs256({ alg, typ: 'at+jwt', kid: jwk.kid }, good(), form);
        expect(outcome(asymmetric, token)).toBe('invalid_token');
      }
    }
  });

  test('a signature of zeros, of another key, in DER, or without kid is refused (CVE-2022-21449)', async () => {
    const { kid } = publicKey();
    const token = es256({ alg: 'ES256', typ: 'at+jwt', kid }, good());
    expect(outcome(asymmetric, token.with(Buffer.alloc(64)))).toBe('invalid_token');
    const row = await asymmetricDeps.db.row<{ sealed: Buffer }>(
      sql`select private_key_sealed as sealed from signing_keys where kid = ${kid}`,
    );
    const der = deriveSecrets(deps.config.secrets.root ?? '').open(
      `signing_keys:${kid}`,
      row?.sealed as Buffer,
    );
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const signed = (input: string, dsaEncoding: 'der' | 'ieee-p1363' = 'ieee-p1363') =>
      sign('sha256', Buffer.from(input), { key, dsaEncoding });
    expect(outcome(asymmetric, token.with(signed(token.input)))).toBe('accepted');
    expect(outcome(asymmetric, token.with(signed(token.input, 'der')))).toBe('invalid_token');
    const whole = token.with(signed(token.input));
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (const stray of [1, 2, 4, 8]) {
      const last = alphabet[alphabet.indexOf(whole.at(-1) as string) | stray] as string;
      expect(outcome(asymmetric, whole.slice(0, -1) + last), `stray bit ${stray}`).toBe('invalid_token');
    }
    for (const spelled of [`${whole}A`, `${whole}AA`, `${whole}AAA`, `${whole}==`, `${whole}\n`, ` ${whole}`])
      expect(outcome(asymmetric, spelled), spelled).toBe('invalid_token');
    for (const other of [undefined, null, '', `${kid}x`, [kid], '__proto__', 'constructor']) {
      const named = es256({ alg: 'ES256', typ: 'at+jwt', kid: other }, good());
      expect(outcome(asymmetric, named.with(signed(named.input))), String(other)).toBe('invalid_token');
    }
    const embedded = es256({ alg: 'ES256', typ: 'at+jwt', jwk: publicKey() }, good());
    expect(outcome(asymmetric, embedded.with(signed(embedded.input)))).toBe('invalid_token');
  });
});
