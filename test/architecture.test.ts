import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SPINE } from './support/spine.ts';

const SRC = join(import.meta.dirname, '..', 'src');

interface Source {
  readonly path: string;
  readonly text: string;
}

const sources: Source[] = walk(SRC).map(path => ({
  path: relative(SRC, path),
  text: readFileSync(path, 'utf8'),
}));
// Entities are read by the development tool alone, and a foreign key may point anywhere.
const production = sources.filter(({ path }) => !/(\.test|(^|\/)schema)\.ts$/.test(path));

function walk(folder: string): string[] {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return walk(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function importsOf({ text }: Source): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(match => match[1] as string);
}

/** Imports of the project's own files, as paths below src. */
function ownImports(source: Source): string[] {
  return importsOf(source)
    .filter(name => name.startsWith('.'))
    .map(name => relative(SRC, join(SRC, dirname(source.path), name)));
}

export function spineFaults(files: readonly Source[]): string[] {
  return files.flatMap(source => {
    const folder = source.path.split('/')[0] as string;
    const at = SPINE.indexOf(folder);
    if (!source.path.includes('/')) return [];
    if (at === -1) return [`${source.path}: the folder ${folder} has no place in the spine`];
    return ownImports(source)
      .filter(path => {
        const target = path.split('/')[0] as string;
        return (
          !path.startsWith('..') &&
          (!path.includes('/') || SPINE.indexOf(target) > at || !SPINE.includes(target))
        );
      })
      .map(path => `${source.path} imports ${path}`);
  });
}

export function privacyFaults(files: readonly Source[]): string[] {
  return files.flatMap(source =>
    ownImports(source)
      .filter(path => {
        const outside = dirname(path) !== dirname(source.path);
        if (path.endsWith('/queries.ts')) return outside;
        return /(^|\/|-)routes\.ts$/.test(path) && source.path !== 'app.ts';
      })
      .map(path => `${source.path} imports ${path}`),
  );
}

const DOORS: readonly { readonly names: RegExp; readonly allowed: RegExp }[] = [
  { names: /^(fastify|@fastify\/.*)$/, allowed: /(^|\/|-)routes\.ts$|^platform\/http\/|^app\.ts$/ },
  { names: /^(pg|ioredis)$/, allowed: /^platform\// },
  { names: /^nodemailer/, allowed: /^delivery\// },
  { names: /^@mikro-orm\//, allowed: /(^|\/)schema\.ts$|^platform\/migrations\// },
];

export function doorFaults(files: readonly Source[]): string[] {
  return files.flatMap(source =>
    importsOf(source)
      .filter(name => DOORS.some(({ names, allowed }) => names.test(name) && !allowed.test(source.path)))
      .map(name => `${source.path} imports ${name}`),
  );
}

// Each costs a start more than a slice of ours does: taken by type alone, or by `await import()` where it is first used.
// Of node:http the client behind fetch comes with it, so its tables are had by process.getBuiltinModule.
const HEAVY =
  /^(ajv|ajv-formats|fast-json-stringify|typebox|jose|nodemailer|prom-client|openid-client|ioredis|commander|libphonenumber-js(\/.*)?|@simplewebauthn\/server|@zxcvbn-ts\/.*|node:https?)$/;

export function startFaults(files: readonly Source[]): string[] {
  return files
    .filter(({ path }) => !/^(cli|db)\.ts$|(\/|-)commands\.ts$|\/redis\//.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/^import (?!type\b)[^;]*?from '([^']+)'/gm)]
        .map(match => match[1] as string)
        .filter(name => HEAVY.test(name))
        .map(name => `${path} loads ${name} at the start`),
    );
}

/** What one of our files loads, with all that those load: nothing that is taken by type alone, or by `await import()`. */
function loadedBy(files: readonly Source[], entry: string): ReadonlySet<string> {
  const byPath = new Map(files.map(source => [source.path, source]));
  const loaded = new Set<string>();
  const follow = (path: string) => {
    for (const [, name] of (byPath.get(path)?.text ?? '').matchAll(
      /^(?:import|export) (?:(?!type\b)[^;']*?from )?'(\.[^']+)'/gm,
    )) {
      const target = relative(SRC, join(SRC, dirname(path), name as string));
      if (loaded.has(target)) continue;
      loaded.add(target);
      follow(target);
    }
  };
  follow(entry);
  return loaded;
}

export function warmFaults(files: readonly Source[]): string[] {
  const warm = loadedBy(files, 'warm.ts');
  // What `--import` names is compiled when warm.ts is run as well.
  return [...loadedBy(files, 'main.ts')]
    .filter(path => path.endsWith('.ts') && !warm.has(path))
    .map(path => `main.ts loads ${path}, of which warm.ts compiles nothing for the image`);
}

const WORLD = /\bprocess\.env\b|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandomBytes\(|\brandomUUID/;

export function worldFaults(files: readonly Source[]): string[] {
  return files
    .filter(({ path }) => path.includes('/') && !path.startsWith('platform/'))
    .filter(({ text }) => WORLD.test(text))
    .map(({ path }) => `${path} asks the world itself`);
}

/** Hashes that go on waiting when their caller has hung up; an operator's commands have none. */
export function hangUpFaults(files: readonly Source[]): string[] {
  return files
    .filter(({ path }) => path.includes('/') && !/^(platform|admin)\//.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\bhasher\.(?:hash|verify|compare)\(([^()]*)\)/g)]
        .filter(([, given]) => !/\bhungUp$/.test(given as string))
        .map(([call]) => `${path} leaves ${call} waiting`),
    );
}

describe('the architecture', () => {
  test('a folder imports only itself and folders above it', () => {
    expect(spineFaults(production)).toEqual([]);
  });
  test('queries stay in their folder and routes are mounted by app.ts alone', () => {
    expect(privacyFaults(production)).toEqual([]);
  });
  test('drivers and frameworks stay behind their doors', () => {
    expect(doorFaults(production)).toEqual([]);
  });
  test('a start loads no library that it can do without', () => {
    expect(startFaults(production)).toEqual([]);
  });
  test('the image holds the compiled code of all that a start loads', () => {
    expect(warmFaults(production)).toEqual([]);
    expect(loadedBy(production, 'main.ts').size).toBeGreaterThan(300);
  });
  test('only the platform asks the environment, the clock and the random source', () => {
    expect(worldFaults(production)).toEqual([]);
  });
  test('no hash of a request waits for a caller who has hung up', () => {
    expect(hangUpFaults(production)).toEqual([]);
  });
  test('no file of src is past 300 lines', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 301).map(({ path }) => path);
    expect(long).toEqual([]);
  });
  test('nothing is left open, and no folder is a drawer', () => {
    const open = sources.filter(({ text }) => /\b(TODO|FIXME|HACK)\b|@ts-ignore|@ts-nocheck/.test(text));
    expect(open.map(({ path }) => path)).toEqual([]);
    const drawers = production.filter(({ path }) =>
      /(^|\/)(utils?|helpers?|service|manager|common|types|index)\.ts$/.test(path),
    );
    expect(drawers.map(({ path }) => path)).toEqual([]);
  });
});

// A URL writes a space as %20: its pathname is the name of a folder that is not there.
export function pathFaults(files: readonly Source[]): string[] {
  return files
    .filter(({ text }) => /import\.meta\.url\)+\.pathname/.test(text))
    .map(({ path }) => `${path} takes the pathname of a URL for a path: import.meta.dirname is one`);
}

test('everything works in a folder whose name a URL would write otherwise', () => {
  const folders = ['src', 'test', 'scripts', 'bench', 'examples'].map(name => join(SRC, '..', name));
  const all = folders
    .flatMap(folder =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)),
    )
    .filter(path => /\.m?[jt]s$/.test(path));
  expect(all).toContain(join(SRC, 'platform/process-guard.mjs'));
  expect(pathFaults(all.map(path => ({ path, text: readFileSync(path, 'utf8') })))).toEqual([]);
});

describe('the checks of the architecture notice a breach', () => {
  const file = (path: string, text: string): Source => ({ path, text });
  test.each([
    ['spine', spineFaults, file('audit/x.ts', "import { a } from '../sessions/start.ts';")],
    ['a folder outside the spine', spineFaults, file('misc/x.ts', '')],
    ['privacy of queries', privacyFaults, file('admin/x.ts', "import { a } from '../accounts/queries.ts';")],
    ['privacy of routes', privacyFaults, file('admin/x.ts', "import { a } from '../accounts/routes.ts';")],
    ['doors', doorFaults, file('accounts/x.ts', "import pg from 'pg';")],
    ['warmth', warmFaults, file('main.ts', "import { a } from './world.ts';")],
    ['start', startFaults, file('accounts/x.ts', "import { Type } from 'typebox';")],
    ['hang-ups', hangUpFaults, file('signup/x.ts', 'await deps.hasher.hash(choice.password);')],
    ['paths', pathFaults, file('accounts/x.ts', "const a = new URL('./a', import.meta.url)" + '.pathname;')],
    ['world', worldFaults, file('accounts/x.ts', 'const at = new Date();')],
  ])('%s', (_name, faults, source) => {
    expect(faults([source])).toHaveLength(1);
  });
});
