import { isUtf8 } from 'node:buffer';

const LF = 0x0a;
const ADVICE =
  'Convert the file first, from whatever it was written in: iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv';

/** Where a text stops being UTF-8, and what to do about it. */
export class NotUtf8 extends Error {
  readonly line: number;
  constructor(line: number) {
    super(`not UTF-8; nothing from here on was read. ${ADVICE}`);
    this.line = line;
  }
}

/**
 * Decodes UTF-8, wherever the chunks are cut; replaces no invalid byte. Refuses UTF-16 before anything else, and throws
 * NotUtf8 after the last line that can be read.
 */
export async function* decodeUtf8(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 1;
  let isFirst = true;
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    if (isFirst && looksLikeUtf16(bytes))
      throw new Error('The file is UTF-16. Convert it first: iconv -f UTF-16 -t UTF-8 old.csv > new.csv');
    isFirst = false;
    const whole = bytes.subarray(0, wholeLength(bytes));
    rest = bytes.subarray(whole.length);
    if (!isUtf8(whole)) {
      const good = goodLines(whole);
      yield good.toString();
      throw new NotUtf8(line + count(good));
    }
    line += count(whole);
    yield whole.toString();
  }
  if (rest.length > 0) throw new NotUtf8(line);
}

// Either a byte order mark, or a zero byte in the first two characters: a header's names and punctuation are ASCII.
function looksLikeUtf16(bytes: Buffer): boolean {
  const mark = bytes.subarray(0, 2).toString('hex');
  return mark === 'fffe' || mark === 'feff' || bytes.subarray(0, 4).includes(0);
}

/** How many bytes come before a last character that is incomplete, which the next chunk may complete (RFC 3629 §3). */
function wholeLength(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function goodLines(bytes: Buffer): Buffer {
  let good = 0;
  for (let end = bytes.indexOf(LF) + 1; end > 0; end = bytes.indexOf(LF, end) + 1) {
    if (!isUtf8(bytes.subarray(good, end))) break;
    good = end;
  }
  return bytes.subarray(0, good);
}

function count(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) lines += 1;
  return lines;
}
