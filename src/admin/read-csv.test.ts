import { expect, test } from 'vitest';
import { inPieces } from '../../test/support/in-pieces.ts';
import { RECORD_MAX, readCsv } from './read-csv.ts';

async function read(text: string, size?: number) {
  return Array.fromAsync(readCsv(inPieces(text, size)));
}

test('CSV is read as COPY writes it, wherever the text is cut', async () => {
  const text = '\uFEFFa,"b ""c"", d",\r\n\r\n"line\none",,""\nlast,,x';
  const expected = [
    { line: 1, fields: ['a', 'b "c", d', null], fault: null },
    { line: 3, fields: ['line\none', null, ''], fault: null },
    { line: 5, fields: ['last', null, 'x'], fault: null },
  ];
  for (const size of [1, 2, 3, 1000]) expect(await read(text, size)).toEqual(expected);
});

test('\\N without quotes is NULL, as COPY and MySQL write it when asked; within quotes, or beside other text, it is text', async () => {
  for (const size of [1, 1000])
    expect(await read('a,\\N,"\\N",\\Na\n\\N,\\n,x\\N,\\N', size)).toEqual([
      { line: 1, fields: ['a', null, '\\N', '\\Na'], fault: null },
      { line: 2, fields: [null, '\\n', 'x\\N', null], fault: null },
    ]);
});

test('lines end with LF, CR LF or CR alone, and are counted alike', async () => {
  for (const end of ['\n', '\r\n', '\r'])
    for (const size of [1, 1000])
      expect(await read(['a,b', '', `"c${end}d",`, 'e,f', ''].join(end), size)).toEqual([
        { line: 1, fields: ['a', 'b'], fault: null },
        { line: 3, fields: [`c${end}d`, null], fault: null },
        { line: 5, fields: ['e', 'f'], fault: null },
      ]);
});

test('a quote that never closes is a fault of the last record, and names the line that it opens in', async () => {
  const records = await read('a,b\n1,"two\nlines","three\n4,5\n6,7\n');
  expect(records.map(({ line, fault }) => [line, fault])).toEqual([
    [1, null],
    [
      2,
      expect.stringMatching(/^the quote that opens in line 3 never closes; nothing from there on was read/),
    ],
  ]);
});

test('text behind a closing quote is a fault of its record alone: one quote too few is not hidden by the next', async () => {
  const records = await read('a,b\n"1,2\n3,"4",5\n6,7\n');
  expect(records).toEqual([
    { line: 1, fields: ['a', 'b'], fault: null },
    expect.objectContaining({
      line: 2,
      fault: expect.stringMatching(
        /^the quote that opens in line 2 closes in line 3 with more text behind it/,
      ),
    }),
    { line: 4, fields: ['6', '7'], fault: null },
  ]);
});

test('a record without end is given up, quoted or not, and the memory is not filled with it', async () => {
  let given = 0;
  async function* endless(begin: string) {
    yield begin;
    for (given = 0; ; given++) yield 'x\u00e9'.repeat(5000);
  }
  for (const [begin, fault] of [
    ['a\n"', `the quote that opens in line 2 does not close within ${RECORD_MAX} characters`],
    ['a\nb', `longer than ${RECORD_MAX} characters`],
  ] as const) {
    const records = await Array.fromAsync(readCsv(endless(begin)));
    expect(records.at(-1)).toMatchObject({ line: 2, fault: expect.stringContaining(fault) });
    expect(given).toBeLessThanOrEqual(RECORD_MAX / 10_000);
  }
});
