import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const GUARD = fileURLToPath(new URL('./process-guard.mjs', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));

function run(node: string, ...before: string[]) {
  return spawnSync(node, [...before, '--import', GUARD, '--eval', 'console.log("ran")'], {
    encoding: 'utf8',
  });
}

test('the program runs under the present Node.js', () => {
  expect(run(process.execPath).stdout).toBe('ran\n');
});

test('an older Node.js is told what to do, and runs nothing', () => {
  const pretend = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.20.2"})';
  const { status, stdout, stderr } = run(process.execPath, '--import', pretend);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^Entrecore Auth needs Node\.js 26 or later, and this is Node\.js 20\.20\.2/);
  expect(stderr).toContain('npm ci --include=optional');
  // It may well be there: `node src/cli.ts` does not look beside the project, npm does.
  expect(stderr).toContain('npm run cli');
  expect(stderr).not.toContain('It is not there');
});

test('what was compiled lies beside the packages, also in a folder whose name a URL would write otherwise', () => {
  const parent = mkdtempSync(join(tmpdir(), 'entrecore-guard-'));
  try {
    const program = join(parent, 'my program, 100 % é');
    const guard = './src/platform/process-guard.mjs';
    mkdirSync(join(program, 'node_modules/fastify'), { recursive: true });
    cpSync(GUARD, join(program, guard));
    const { NODE_COMPILE_CACHE: _, ...env } = process.env;
    spawnSync(process.execPath, ['--import', guard, '--eval', ''], { cwd: program, env });
    expect(readdirSync(join(program, 'node_modules/.cache'))).toEqual(['compile']);
    expect(readdirSync(parent)).toHaveLength(1);
  } finally {
    rmSync(parent, { recursive: true });
  }
});

// The real thing, where the machine has one.
const older = (process.env.PATH ?? '')
  .split(':')
  .map(folder => join(folder, 'node'))
  .filter(path => !path.includes('node_modules') && existsSync(path))
  .find(path => Number(/^v(\d+)/.exec(spawnSync(path, ['-v'], { encoding: 'utf8' }).stdout)?.[1]) < 26);

test.runIf(older !== undefined)('an older Node.js on this machine reads the guard', () => {
  const { status, stderr } = run(older as string);
  expect(status).toBe(1);
  expect(stderr).not.toContain('    at ');
  expect(stderr).toContain('npm ci --include=optional');
});

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

test('every script that starts a program of ours starts the guard first', () => {
  for (const name of ['start', 'dev', 'test', 'db', 'cli', 'bench', 'check']) {
    expect(scripts[name], name).toMatch(
      /^(exec )?node (--\S+ )*--import \.\/src\/platform\/process-guard\.mjs /,
    );
  }
});

test('the image and the unit start the service as npm does', () => {
  const start = scripts.start?.replace('exec ', '');
  const command = /^CMD (\[.*\])$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? '[]';
  expect((JSON.parse(command) as string[]).join(' ')).toBe(start);
  const unit = readFileSync(join(root, 'deploy/entrecore-auth.service'), 'utf8');
  expect(/^ExecStart=\S+\/(node .*)$/m.exec(unit)?.[1]).toBe(start);
});
