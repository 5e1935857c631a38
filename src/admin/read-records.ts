import { readCsv } from './read-csv.ts';

/** One record of a file, under the names of its columns; `fault` where it cannot be read. */
export interface FileRecord {
  readonly line: number;
  readonly values: Readonly<Record<string, unknown>>;
  readonly fault: string | null;
}

export type Format = 'csv' | 'ndjson';

const MAX_LINE = 1_000_000;

/** The records of a CSV text with a header, or of one JSON object a line; what the first character is, decides. */
export async function* readRecords(
  source: AsyncIterable<string>,
  format?: Format,
): AsyncGenerator<FileRecord> {
  const chunks = source[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done === true) return;
  const whole = (async function* whole() {
    yield first.value;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  })();
  const isJson = format === undefined ? /^[\uFEFF\s]*\{/.test(first.value) : format === 'ndjson';
  yield* isJson ? readNdjson(whole) : readHeadedCsv(whole);
}

async function* readHeadedCsv(chunks: AsyncIterable<string>): AsyncGenerator<FileRecord> {
  let header: readonly string[] | null = null;
  for await (const { line, fields, fault } of readCsv(chunks)) {
    if (header === null) {
      if (fault !== null) throw new Error(`The header cannot be read: ${fault}.`);
      header = fields.map(name => name ?? '');
      continue;
    }
    const names = header;
    const values = Object.fromEntries(fields.map((value, index) => [names[index] ?? '', value]));
    const count =
      fields.length === names.length ? null : `${fields.length} fields where the header has ${names.length}`;
    yield { line, values, fault: fault ?? count };
  }
}

async function* readNdjson(chunks: AsyncIterable<string>): AsyncGenerator<FileRecord> {
  let rest = '';
  let line = 0;
  for await (const chunk of chunks) {
    rest += chunk;
    const lines = rest.split('\n');
    rest = lines.pop() as string;
    for (const text of lines) {
      line += 1;
      if (text.trim() !== '') yield parseLine(text, line);
    }
    if (rest.length > MAX_LINE) throw new Error(`Line ${line + 1} is longer than ${MAX_LINE} characters.`);
  }
  if (rest.trim() !== '') yield parseLine(rest, line + 1);
}

function parseLine(text: string, line: number): FileRecord {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { line, values: value as Record<string, unknown>, fault: null };
  } catch {
    // Named below, like any other line that is no object.
  }
  return { line, values: {}, fault: 'not a JSON object' };
}
