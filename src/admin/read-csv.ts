/**
 * One record of a CSV text: the line where it begins, and its fields; null is an empty field without quotes, as COPY
 * writes NULL, or \N without quotes, as MySQL does, and COPY with NULL '\N'.
 */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly (string | null)[];
  /** What is wrong with the record; null where nothing is. */
  readonly fault: string | null;
}

/** The most characters that one record may have: a longer one is a quote that was never closed, and would fill the memory. */
export const RECORD_MAX = 1_000_000;

const ADVICE = 'close it, or write "" for a quote inside quotes';

/**
 * Reads CSV (RFC 4180) as PostgreSQL's COPY writes it, chunk by chunk, with any line ends: quoted fields may hold
 * commas, line ends and doubled quotes. Blank lines are skipped. Text after a closing quote is a fault of its record,
 * which then ends with the line. A quote that never closes, or a record that never ends, is a fault of the last record.
 */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let fields: (string | null)[] = [];
  let field = '';
  let state: 'start' | 'plain' | 'quoted' | 'closed' | 'broken' = 'start';
  let fault: string | null = null;
  let [line, began, opened, size] = [1, 1, 1, 0];
  let [before, isFirst] = ['', true];

  const endField = () => {
    fields.push(state === 'start' || (state === 'plain' && field === '\\N') ? null : field);
    field = '';
    state = 'start';
  };
  const endRecord = (): CsvRecord => {
    if (state !== 'broken') endField();
    const record = { line: began, fields, fault };
    [fields, field, state, fault, began, size] = [[], '', 'start', null, line, 0];
    return record;
  };

  for await (const chunk of chunks) {
    for (const char of chunk) {
      // In CR LF, the CR ends the line.
      const isRest = char === '\n' && before === '\r';
      const endsLine = !isRest && (char === '\n' || char === '\r');
      before = char;
      if (endsLine) line += 1;
      size += 1;
      if (size > RECORD_MAX) {
        fault = `longer than ${RECORD_MAX} characters; nothing from here on was read`;
        if (state === 'quoted')
          fault = `the quote that opens in line ${opened} does not close within ${RECORD_MAX} characters; nothing from there on was read: ${ADVICE}`;
        yield { line: began, fields, fault };
        return;
      }
      if (state === 'quoted') {
        if (char === '"') state = 'closed';
        else field += char;
      } else if (isRest || (isFirst && char === '\uFEFF')) {
        // Not part of the text.
      } else if (endsLine) {
        const isBlank = fields.length === 0 && state === 'start';
        const record = endRecord();
        if (!isBlank) yield record;
      } else if (state === 'broken') {
        // Skipped up to the end of the line.
      } else if (char === ',') {
        endField();
      } else if (char === '"' && state === 'start') {
        opened = line;
        state = 'quoted';
      } else if (char === '"' && state === 'closed') {
        // A doubled quote stands for one quote.
        field += '"';
        state = 'quoted';
      } else if (state === 'closed') {
        fault = `the quote that opens in line ${opened} closes in line ${line} with more text behind it: ${ADVICE}`;
        state = 'broken';
      } else {
        state = 'plain';
        field += char;
      }
      isFirst = false;
    }
  }
  if (state === 'quoted')
    fault = `the quote that opens in line ${opened} never closes; nothing from there on was read: ${ADVICE}`;
  if (fields.length > 0 || state !== 'start') yield endRecord();
}
