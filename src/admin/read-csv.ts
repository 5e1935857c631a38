/** One record of a CSV text: where it began, and its fields; null is an empty field without quotes, as COPY writes NULL. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly (string | null)[];
}

/**
 * Reads CSV (RFC 4180) as PostgreSQL's COPY writes it, chunk by chunk: quoted fields may hold commas, line ends and
 * doubled quotes. Blank lines are skipped; a quote that never closes ends the text with what it holds.
 */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let fields: (string | null)[] = [];
  let field = '';
  let state: 'start' | 'plain' | 'quoted' | 'closed' = 'start';
  let line = 1;
  let began = 1;

  const endField = () => {
    fields.push(state === 'start' ? null : field);
    field = '';
    state = 'start';
  };

  for await (const chunk of chunks) {
    for (const char of chunk) {
      if (char === '\n') line += 1;
      if (state === 'quoted') {
        if (char === '"') state = 'closed';
        else field += char;
      } else if (char === '"' && state !== 'plain') {
        // After a closed quote: a doubled one, which stands for itself.
        if (state === 'closed') field += '"';
        state = 'quoted';
      } else if (char === ',') {
        endField();
      } else if (char === '\n') {
        const blank = fields.length === 0 && state === 'start';
        endField();
        if (!blank) yield { line: began, fields };
        fields = [];
        began = line;
      } else if (char !== '\r' && char !== '\uFEFF') {
        state = state === 'start' ? 'plain' : state;
        field += char;
      }
    }
  }
  if (fields.length > 0 || state !== 'start') {
    endField();
    yield { line: began, fields };
  }
}
