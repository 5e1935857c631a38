import { expect, test } from 'vitest';
import { decodeUtf8, NotUtf8 } from './decode-utf8.ts';

async function decode(bytes: Buffer, size: number) {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  let text = '';
  let line: number | null = null;
  try {
    for await (const piece of decodeUtf8(chunks())) text += piece;
  } catch (error) {
    if (!(error instanceof NotUtf8)) throw error;
    line = error.line;
  }
  return { text, line };
}

const SIZES = [1, 2, 3, 5, 1000];

test('UTF-8 comes through whole, wherever it is cut', async () => {
  const text = '\ufeffZo\u00eb,\u20ac,\u{1f600}\n\ufffd\r\n\u{1f600}';
  for (const size of SIZES) expect(await decode(Buffer.from(text), size)).toEqual({ text, line: null });
});

test('what is not UTF-8 is named by its line, and every line before it comes through', async () => {
  for (const bad of ['Zo\u00eb', '\u00ff\u00fe', '\u00e2\u0082', '\u00c0\u00af', '\u00ed\u00a0\u0080'])
    for (const size of SIZES) {
      const bytes = Buffer.from(`one\ntwo\n${bad}\nfour\n`, 'latin1');
      const { text, line } = await decode(bytes, size);
      expect([text.startsWith('one\ntwo\n'), line]).toEqual([true, 3]);
      expect(text).not.toContain('\ufffd');
    }
});

test('a text that ends within a character is not whole', async () => {
  for (const size of SIZES)
    expect((await decode(Buffer.from('one\ntwo\u20ac').subarray(0, -1), size)).line).toBe(2);
});
