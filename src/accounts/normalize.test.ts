import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldCase, isSameAddress, normalizeEmail, normalizeLogin, normalizeUsername } from './normalize.ts';

const own = normalizeEmail('ada@example.com');

describe('an address', () => {
  test.each([
    ['Ada.Lovelace@Example.COM', 'Ada.Lovelace@example.com', 'ada.lovelace@example.com'],
    ['  ada@example.com ', 'ada@example.com', 'ada@example.com'],
    ['ada@b\u00fccher.example', 'ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
    ['ada@XN--BCHER-KVA.example', 'ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
    // Full-width letters and sign (NFKC).
    ['\uff41\uff44\uff41\uff20example.com', 'ada@example.com', 'ada@example.com'],
    ['STRASSE@example.com', 'STRASSE@example.com', 'strasse@example.com'],
    ['stra\u00dfe@example.com', 'stra\u00dfe@example.com', 'strasse@example.com'],
    ['stra\u1e9ee@example.com', 'stra\u1e9ee@example.com', 'strasse@example.com'],
    ['ada+tag@example.com', 'ada+tag@example.com', 'ada+tag@example.com'],
  ])('%s is stored as %s and compared as %s', (text, address, key) => {
    expect(normalizeEmail(text)).toEqual({ address, key });
  });

  test.each([
    ['ADA@example.com', 'ada@EXAMPLE.com', true],
    ['\ufb01sher@example.com', 'fisher@example.com', true],
    ['ada@b\u00fccher.example', 'ada@xn--bcher-kva.example', true],
    ['admin@example.com', 'adm\u0131n@example.com', false],
    ['strasse@example.com', 'stra\u00dfe@example.com', false],
    ['ada@strasse.example', 'ada@stra\u00dfe.example', false],
  ])('%s and %s are one mailbox: %s', (one, other, same) => {
    expect(isSameAddress(one, other)).toBe(same);
  });

  test.each([
    '',
    'ada',
    '@example.com',
    'ada@',
    'ada@localhost',
    'ada@@example.com',
    'ada@example..com',
    'ada@-example.com',
    '.ada@example.com',
    'ada.@example.com',
    'a..b@example.com',
    'a b@example.com',
    'ada\u0000@example.com',
    'ada\u200d@example.com',
    'ada\r\nBcc: eve@example.com',
    'ada,eve@example.com',
    '"ada"@example.com',
    'ada@127.0.0.1',
    // What a URL would make another domain of.
    'ada@evil.example/.corp.example',
    'ada@example.com#.corp.example',
    'ada@example.com?x',
    'ada@example.com\\x',
    'ada@example.com\uff0fx',
    'ada@example.com:25',
    'ada@ex%61mple.com',
    'ada@exa\tmple.com',
    'ada@exa\nmple.com',
    'ada@exam\u00adple.com',
    'ada@xn--a.com',
    'ada@[::1]',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'a'.repeat(64)}.com`,
    `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.com`,
  ])('%j is refused', text => {
    expect(() => normalizeEmail(text)).toThrow('Some members of the request are not valid.');
  });

  test('what is stored normalises to itself, whatever was typed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }), local => {
        let first: ReturnType<typeof normalizeEmail>;
        try {
          first = normalizeEmail(`${local}@example.com`);
        } catch {
          return;
        }
        expect(normalizeEmail(first.address)).toEqual(first);
        expect(normalizeLogin(first.address)).toBe(first.key);
      }),
      { numRuns: 200 },
    );
  });

  test('folding every character again changes nothing, and its cases meet', () => {
    const odd: string[] = [];
    for (let code = 0x21; code < 0x3_0000; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const char = String.fromCodePoint(code).normalize('NFKC');
      const folded = foldCase(char);
      const meets = [char.toUpperCase(), char.toLowerCase()].every(
        other => foldCase(other.normalize('NFKC')) === folded,
      );
      if (foldCase(folded) !== folded || !meets) odd.push(code.toString(16));
    }
    expect(odd).toEqual([]);
  });
});

test.each(['\u7528\u6237\uff20\u4f8b\u3048.jp', 'ada\uff20example\u3002com', 'ada\ufe6bb\u00fccher.example'])(
  '%s logs in as it was signed up with',
  text => {
    expect(normalizeLogin(text)).toBe(normalizeEmail(text).key);
  },
);

describe('a username', () => {
  test.each([
    ['Ada', 'ada'],
    ['ada lovelace', 'ada lovelace'],
    ['\u0410\u0434\u0430', '\u0430\u0434\u0430'],
    ['\uff21da', 'ada'],
    ['x'.repeat(150), 'x'.repeat(150)],
  ])('%s is compared as %s', (text, key) => {
    expect(normalizeUsername(text, own)?.key).toBe(key);
  });

  test('with an @ it can only be the own address, in any case, and then follows it', () => {
    expect(normalizeUsername('ADA@Example.com', own)).toBeNull();
    expect(normalizeUsername('ada\uff20example.com', own)).toBeNull();
    for (const text of ['eve@example.com', '@ada', 'ada@', 'ad\uff20a'])
      expect(() => normalizeUsername(text, own)).toThrow('Some members of the request are not valid.');
  });

  test.each([
    '',
    'ab',
    '  a ',
    'x'.repeat(151),
    'a\tb c',
    'ada\u200b',
    'a\u00adda',
    'a  b',
    '\u3164\u3164\u3164',
    'ad\ue000a',
  ])('%j is refused', text => {
    expect(() => normalizeUsername(text, own)).toThrow('Some members of the request are not valid.');
  });
});
