/** Every check that is not a test, each to its end, so that one run names all that is wrong. `npm run check`. */
import { spawnSync } from 'node:child_process';

const checks: readonly (readonly [name: string, command: string, ...parameters: string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['lint', 'oxlint', '--type-aware', '--quiet'],
  ['format', 'biome', 'check', '.'],
  ['dead code', 'knip'],
  ['lock file', process.execPath, 'scripts/complete-lock.ts', '--check'],
  ['.env.example', process.execPath, 'scripts/env-example.ts', '--check'],
  ['lists of errors, events and commands', process.execPath, 'scripts/lists.ts', '--check'],
  ['OpenAPI document', process.execPath, 'scripts/openapi.ts', '--check'],
];

const failed = checks.filter(([name, command, ...parameters]) => {
  const { status, stdout, stderr, error } = spawnSync(command, parameters, { encoding: 'utf8' });
  const passed = status === 0;
  process.stdout.write(`${passed ? 'pass' : 'FAIL'}  ${name}\n`);
  if (!passed)
    process.stdout.write(`${stdout ?? ''}${stderr ?? ''}${error === undefined ? '' : String(error)}\n`);
  return !passed;
});
process.stdout.write(`${checks.length - failed.length} passed, ${failed.length} failed\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
