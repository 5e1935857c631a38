import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { names as variables } from '../src/platform/config/table.ts';
import { SPINE } from './support/spine.ts';

// What is written down names only what is there, and leaves nothing out that somebody would look for.

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Page {
  readonly path: string;
  readonly text: string;
}

const pages: readonly Page[] = [
  ...readdirSync(ROOT).filter(name => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
].map(path => ({ path, text: read(path) }));

const matchesOf = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, found]) => found ?? '');

/** What GitHub makes of the headings of a page, for links into it. */
function anchorsOf(text: string): ReadonlySet<string> {
  const prose = text.replaceAll(/^```.*?^```/gms, '');
  return new Set(
    matchesOf(prose, /^#+ (.*)$/gm).map(heading =>
      heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

export function linkFaults(those: readonly Page[]): string[] {
  return those.flatMap(({ path, text }) =>
    matchesOf(text, /\]\(([^)\s]+)\)/g)
      .filter(link => !/^[a-z]+:/.test(link))
      .filter(link => {
        const [file = '', anchor] = link.split('#');
        const target = file === '' ? path : join(dirname(path), file);
        if (!existsSync(join(ROOT, target))) return true;
        return anchor !== undefined && !anchorsOf(file === '' ? text : read(target)).has(anchor);
      })
      .map(link => `${path} links to ${link}`),
  );
}

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
// A page that has just named a folder goes on with names of its files alone.
const isThere = (name: string) =>
  ['', 'src', 'src/platform', 'docs'].some(folder => existsSync(join(ROOT, folder, name))) ||
  sources.some(path => basename(path) === name);

export function fileFaults(those: readonly Page[]): string[] {
  return those.flatMap(({ path, text }) =>
    matchesOf(text, /`((?:[\w-]+\/)*[\w.-]+\.(?:ts|mjs|js|css|sql|json|md|yaml|service))`/g)
      .filter(name => !name.startsWith('.') && !isThere(name))
      .map(name => `${path} names ${name}`),
  );
}

export function functionFaults(those: readonly Page[]): string[] {
  return those.flatMap(({ path, text }) =>
    [...text.matchAll(/`([\w/-]+\.ts)`,\s+`(\w+)`/g)]
      .filter(([, file, name]) => !read(join('src', file as string)).includes(name as string))
      .map(([, file, name]) => `${path} looks for ${name} in ${file}`),
  );
}

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

export function scriptFaults(those: readonly Page[]): string[] {
  return those.flatMap(({ path, text }) =>
    matchesOf(text, /npm run (?:-s )?([\w:-]+)/g)
      .filter(name => scripts[name] === undefined)
      .map(name => `${path} runs ${name}`),
  );
}

// Of tests, tools, and examples in which another program is spoken to.
const OTHERS = new Set(
  'BENCH_DATABASE_URL CHROMIUM_PATH FUZZ_SECONDS NAME_FILE OLD_DATABASE_URL ON_ERROR_STOP TEST_DATABASE_URL TEST_REDIS_URL'.split(
    ' ',
  ),
);

export function variableFaults(those: readonly Page[]): string[] {
  const isKnown = (name: string) =>
    OTHERS.has(name) || (variables as string[]).some(known => name === known || name === `${known}_FILE`);
  return those.flatMap(({ path, text }) =>
    matchesOf(text, /(?<![\w$%{])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![\w*])/g)
      .filter(name => !isKnown(name))
      .map(name => `${path} names ${name}`),
  );
}

describe('what is written down', () => {
  test('links lead to a file that is there, and to a heading in it', () => {
    expect(linkFaults(pages)).toEqual([]);
    expect(pages.length).toBeGreaterThan(30);
  });
  test('files, and functions in them, are where they are said to be', () => {
    expect([...fileFaults(pages), ...functionFaults(pages)]).toEqual([]);
  });
  test('commands of npm are in package.json', () => {
    expect(scriptFaults(pages)).toEqual([]);
  });
  test('variables are in the table of variables', () => {
    expect(variableFaults(pages)).toEqual([]);
  });
  test('each folder of src has its line in the map, in the order of the spine', () => {
    const lines = matchesOf(read('docs/architecture.md'), /^\| `([\w-]+)\/` \|/gm);
    expect(lines).toEqual(SPINE);
    const folders = readdirSync(join(ROOT, 'src')).filter(name =>
      statSync(join(ROOT, 'src', name)).isDirectory(),
    );
    expect(folders.toSorted()).toEqual(SPINE.toSorted());
  });
  test('each figure of /metrics is named', () => {
    const metrics = ['platform/http/metrics.ts', 'delivery/readings.ts'].flatMap(path =>
      matchesOf(read(join('src', path)), /'?\b((?:http|database|password|outbox)_[a-z_]+)\b/g),
    );
    expect(new Set(metrics).size).toBe(10);
    const all = pages.map(({ text }) => text).join('\n');
    expect(metrics.filter(name => !all.includes(`\`${name}\``))).toEqual([]);
  });
  test('each command that is shown is one of the operator', () => {
    const known = new Set(matchesOf(read('docs/commands.md'), /^\| `([a-z-]+(?: [a-z-]+)?)/gm));
    const shown = pages.flatMap(({ text }) =>
      matchesOf(text, /npm run (?:-s )?cli -- ([a-z-]+(?: [a-z-]+)?)/g),
    );
    expect(shown.filter(command => !known.has(command) && !known.has(command.split(' ')[0] ?? ''))).toEqual(
      [],
    );
    expect(shown.length).toBeGreaterThan(20);
  });
});

describe('the checks of what is written down notice a fault', () => {
  const page = (text: string): Page => ({ path: 'docs/x.md', text });
  test.each([
    ['a link to no file', linkFaults, '[x](nowhere.md)'],
    ['a link to no heading', linkFaults, '[x](keys.md#nothing)'],
    ['a link to no heading of its own', linkFaults, '# Here\n[x](#there)'],
    ['no file', fileFaults, '`sessions/nothing.ts`'],
    ['no such function', functionFaults, '(`sessions/queries.ts`, `rotateSession`)'],
    ['no script', scriptFaults, 'npm run nothing'],
    ['no variable', variableFaults, '`JWT_SECRET`'],
  ])('%s', (_name, faults, text) => {
    expect(faults([page(text)])).toHaveLength(1);
  });
});
