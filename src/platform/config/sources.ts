import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { type EnvFile, parseEnvFile } from './env-file.ts';
import { nameFinder } from './near-miss.ts';
import { type Name, names, variableOf } from './table.ts';

/** The text of a variable and where it came from. */
export interface Given {
  readonly text: string;
  readonly source: 'environment' | '.env' | 'file' | 'default';
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Sources {
  readonly given: ReadonlyMap<Name, Given>;
  /** Variables that were meant to be set but cannot be used, as one of the faults says: neither set nor unset. */
  readonly unusable: ReadonlySet<Name>;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

const SECRET_FILES = names.filter(name => variableOf(name).secret).map(name => `${name}_FILE`);
const KNOWN: readonly string[] = [...names, ...SECRET_FILES];
const nearestName = nameFinder(KNOWN);

/**
 * Collects the wanted variables that are given: the process environment first, then `.env`, then the files that NAME_FILE
 * names. Blanks around a value that is no secret are left out. Empty means unset, and so does the word that is documented as
 * the default. An unknown name in `.env` is a fault; a near-miss in the environment is a warning. Throws `ConfigError` if `.env`
 * cannot be read: every variable in it would be judged as missing.
 */
export function collect(
  environment: Environment,
  folder: string,
  envFile: string,
  wanted: readonly Name[],
): Sources {
  const { values: file, broken, faults: unreadable } = readEnvFile(resolve(folder, envFile));
  const faults = [...unreadable];
  for (const name of file.keys()) if (!KNOWN.includes(name)) faults.push(unknownName(name));

  const lookup = (name: string): Given | null => {
    const fromProcess = withoutBlanks(name, environment[name]);
    if (fromProcess !== '') return { text: fromProcess, source: 'environment' };
    const fromFile = withoutBlanks(name, file.get(name));
    return fromFile === '' ? null : { text: fromFile, source: '.env' };
  };
  const given = new Map<Name, Given>();
  const unusable = new Set<Name>();
  for (const name of wanted) {
    const own = lookup(name);
    const inFile = variableOf(name).secret ? lookup(`${name}_FILE`) : null;
    if (own !== null && inFile !== null) {
      faults.push(`${name} and ${name}_FILE are both set: keep one of them.`);
      unusable.add(name);
    } else if (own !== null) {
      // Not like an empty one, which lets `.env` speak: here somebody said what they want.
      if (!isWordForDefault(name, own.text)) given.set(name, own);
    } else if (inFile !== null) {
      const text = readSecretFile(name, resolve(folder, inFile.text), faults);
      if (text === null) unusable.add(name);
      else given.set(name, { text, source: 'file' });
    } else if (broken.has(name) || broken.has(`${name}_FILE`)) unusable.add(name);
  }
  return { given, unusable, faults, warnings: misspelt(environment) };
}

// `docker --env-file` and YAML keep what stands behind a value unseen. A secret is every one of its bytes.
function withoutBlanks(name: string, text = ''): string {
  const isSecret = SECRET_FILES.includes(`${name}_FILE`);
  return isSecret ? text : text.trim() || text;
}

/** Whether a text is how .env.example says that nothing is set: all, off or none. */
function isWordForDefault(name: Name, text: string): boolean {
  const word = /^(?:all|off|none)\b/.exec(variableOf(name).fallbackText ?? '')?.[0];
  return text.toLowerCase() === word;
}

function readEnvFile(path: string): EnvFile {
  if (!existsSync(path)) return { values: new Map(), broken: new Set(), faults: [] };
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const fault = `${path} cannot be read (${codeOf(error)}): make it readable for this user, or remove it.`;
    throw new ConfigError([fault], []);
  }
  // PowerShell and Notepad write UTF-16; read as UTF-8, every line would be a fault of its own.
  if (bytes.includes(0)) throw new ConfigError([`${path} is written in UTF-16: save it as UTF-8.`], []);
  return parseEnvFile(bytes.toString('utf8'));
}

function readSecretFile(name: Name, path: string, faults: string[]): string | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    faults.push(
      `${name}_FILE names ${path}, which cannot be read (${codeOf(error)}): check the path and its permissions.`,
    );
    return null;
  }
  // Decoding would turn each invalid byte into the same U+FFFD, and leave little of a random secret.
  if (!isUtf8(bytes)) {
    faults.push(
      `${name}_FILE names ${path}, which is not text in UTF-8: write the value as text, such as openssl rand -base64 48 prints.`,
    );
    return null;
  }
  // The newline that editors and `echo` leave at the end is not part of a secret.
  const text = bytes.toString('utf8').replace(/\r?\n$/, '');
  if (text !== '') return text;
  faults.push(`${name}_FILE names ${path}, which is empty: write the value into it.`);
  return null;
}

function unknownName(name: string): string {
  if (isPlainFile(name)) return `${name} in .env is unknown: only secrets can be read from files.`;
  const near = nearestName(name);
  const advice = near === null ? 'remove it, or set it in the process environment' : `did you mean ${near}?`;
  return `${name} in .env is unknown: ${advice}`;
}

function misspelt(environment: Environment): string[] {
  return Object.keys(environment).flatMap(name => {
    if (KNOWN.includes(name)) return [];
    if (isPlainFile(name)) return [`${name} is not read: only secrets can come from files.`];
    const near = nearestName(name);
    return near === null ? [] : [`${name} is not a variable of this service. Did you mean ${near}?`];
  });
}

const isPlainFile = (name: string) =>
  name.endsWith('_FILE') && (names as string[]).includes(name.slice(0, -'_FILE'.length));

const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error);
