export interface EnvFile {
  readonly values: ReadonlyMap<string, string>;
  /** The names whose value cannot be read. */
  readonly broken: ReadonlySet<string>;
  /** One sentence for each line that cannot be read. */
  readonly faults: readonly string[];
}

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=[^\S\n]*/;
const CLOSED: Readonly<Record<string, RegExp>> = {
  "'": /^'([^']*)'/,
  '"': /^"((?:[^"\\]|\\[^])*)"/,
};
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

/**
 * Reads a `.env` file as the original did (python-dotenv): a `#` begins a comment only after a blank, so that a secret may
 * contain one; quoted values may span lines. Nothing is interpolated.
 */
export function parseEnvFile(content: string): EnvFile {
  const values = new Map<string, string>();
  const broken = new Set<string>();
  const faults: string[] = [];
  const text = content.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  for (let at = 0, line = 1; at < text.length; ) {
    const end = endOfLine(text, at);
    const rest = text.slice(at);
    const assignment = ASSIGNMENT.exec(text.slice(at, end));
    let next = end;
    if (assignment !== null) {
      const [whole, name = ''] = assignment;
      const read = readValue(rest.slice(whole.length));
      if (read === null) {
        faults.push(`.env line ${line}: the quotes of ${name} are not closed`);
        broken.add(name);
      } else {
        if (read.value.includes('\uFFFD')) {
          faults.push(`.env line ${line}: the value of ${name} is not text in UTF-8: save the file as UTF-8`);
        }
        values.set(name, read.value);
        next = endOfLine(text, at + whole.length + read.length);
        const after = text.slice(at + whole.length + read.length, next);
        if (!/^\s*(#.*)?$/.test(after))
          faults.push(`.env line ${line}: there is text after the quotes of ${name}`);
      }
    } else if (!/^\s*(#.*)?$/.test(text.slice(at, end))) {
      faults.push(`.env line ${line}: write NAME=value, or begin the line with #`);
    }
    line += text.slice(at, next).split('\n').length;
    at = next + 1;
  }
  return { values, broken, faults };
}

function readValue(text: string): { value: string; length: number } | null {
  const pattern = CLOSED[text[0] ?? ''];
  if (pattern === undefined) {
    const length = endOfLine(text, 0);
    const value = text.slice(0, length).replace(/(^|\s+)#.*$/, '');
    return { value: value.trim(), length };
  }
  const [whole, inner] = pattern.exec(text) ?? [];
  if (whole === undefined || inner === undefined) return null;
  const value =
    text[0] === '"' ? inner.replace(/\\([^])/g, (both, letter: string) => ESCAPES[letter] ?? both) : inner;
  return { value, length: whole.length };
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}
