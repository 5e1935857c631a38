import { NotUtf8 } from './decode-utf8.ts';
import { COLUMNS, columnOf } from './import-columns.ts';
import { readCsv } from './read-csv.ts';

/** One record of a file, under the names of its columns; `fault` where it cannot be read. */
export interface FileRecord {
  readonly line: number;
  readonly values: Readonly<Record<string, unknown>>;
  readonly fault: string | null;
}

export type Format = 'csv' | 'ndjson';

const MAX_LINE = 1_000_000;

/**
 * The records of a CSV text with a header, or of a text with one JSON object a line; without `format`, the first
 * character decides. Where the text stops being UTF-8, the records end with a fault. Refuses a JSON array, and a header
 * without the address.
 */
export async function* readRecords(
  source: AsyncIterable<string>,
  format?: Format,
): AsyncGenerator<FileRecord> {
  try {
    const { head, whole } = await peek(source);
    if (head === '[' && format !== 'csv')
      throw new Error(
        "This is a JSON array. An import reads one object a line: jq -c '.[]' users.json > users.ndjson",
      );
    const isJson = format === undefined ? head === '{' : format === 'ndjson';
    yield* isJson ? readNdjson(whole) : readHeadedCsv(whole);
  } catch (error) {
    if (!(error instanceof NotUtf8)) throw error;
    yield { line: error.line, values: {}, fault: error.message };
  }
}

/** The first character that is neither white space nor a byte order mark, and the whole text, with that character. */
async function peek(source: AsyncIterable<string>) {
  const chunks = source[Symbol.asyncIterator]();
  let begin = '';
  let next = await chunks.next();
  for (; next.done !== true; next = await chunks.next()) {
    begin += next.value;
    // A file of nothing but spaces must not fill the memory.
    if (/\S/.test(begin) || begin.length > MAX_LINE) break;
  }
  const whole = (async function* whole() {
    yield begin;
    if (next.done !== true) yield* { [Symbol.asyncIterator]: () => chunks };
  })();
  return { head: begin.trimStart().charAt(0), whole };
}

async function* readHeadedCsv(chunks: AsyncIterable<string>): AsyncGenerator<FileRecord> {
  let header: readonly string[] | null = null;
  for await (const { line, fields, fault } of readCsv(chunks)) {
    if (header === null) {
      if (fault !== null) throw new Error(`The header cannot be read: ${fault}.`);
      header = fields.map(name => name ?? '');
      checkHeader(header);
      continue;
    }
    const names = header;
    const values = Object.fromEntries(fields.map((value, index) => [names[index] ?? '', value]));
    const count =
      fields.length === names.length ? null : `${fields.length} fields where the header has ${names.length}`;
    yield { line, values, fault: fault ?? count };
  }
}

// The first error does not quote the line: what stands there may be no header, but somebody's password.
function checkHeader(names: readonly string[]): void {
  if (!names.some(name => columnOf(name) === 'email'))
    throw new Error(
      `No column of the header is the address. The first line must name the columns, with commas between them: ${COLUMNS.join(', ')}; "email" must be one of them.`,
    );
  const twice = names.find((name, index) => columnOf(name) !== null && names.indexOf(name) < index);
  if (twice !== undefined) throw new Error(`The header has the column "${twice}" twice: leave one out.`);
}

async function* readNdjson(chunks: AsyncIterable<string>): AsyncGenerator<FileRecord> {
  let text = '';
  let line = 1;
  let isTooLong = false;
  const record = () => (isTooLong ? tooLong(line) : parseLine(text, line));
  for await (const chunk of chunks) {
    for (const [index, piece] of chunk.split('\n').entries()) {
      if (index > 0) {
        if (isTooLong || text.trim() !== '') yield record();
        [text, isTooLong] = ['', false];
        line += 1;
      }
      // A line that is too long is read to its end, but not kept.
      isTooLong ||= text.length + piece.length > MAX_LINE;
      text = isTooLong ? '' : text + piece;
    }
  }
  if (isTooLong || text.trim() !== '') yield record();
}

const tooLong = (line: number): FileRecord => ({
  line,
  values: {},
  fault: `longer than ${MAX_LINE} characters`,
});

function parseLine(text: string, line: number): FileRecord {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { line, values: value as Record<string, unknown>, fault: null };
  } catch {
    // Reported below, like any other line that is not an object.
  }
  return { line, values: {}, fault: 'not a JSON object' };
}
