import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const READ = `process.stdout.write(Object.keys(await import('./src/audit/record.ts')).sort().join(' '))`;

async function exported(...options: string[]): Promise<string> {
  const read = ['--input-type=module', '--eval', READ];
  return (await promisify(execFile)(process.execPath, [...options, ...read])).stdout;
}

test('what the bench puts in place of the audit trail has all that the slices take of it', async () => {
  const whole = await exported();
  expect(whole).toContain('recordEvent');
  expect(await exported('--import', './bench/without-audit.mjs')).toBe(whole);
});
