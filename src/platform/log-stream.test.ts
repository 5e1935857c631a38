import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';

const LOG = new URL('./log.ts', import.meta.url).href;
const BEGIN = `import { openLog } from ${JSON.stringify(LOG)}; const log = openLog('info');`;
const folder = mkdtempSync(join(tmpdir(), 'log-stream-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const node = (script: string) => [process.execPath, '--input-type=module', '-e', `${BEGIN} ${script}`];

test('a process whose log cannot be written goes on, and ends when it is done', () => {
  const full = openSync('/dev/full', 'w');
  const script = `log.info('lost'); setTimeout(() => { log.info('lost too'); process.exitCode = 7; }, 300)`;
  const [program = '', ...args] = node(script);
  const { status, stderr } = spawnSync(program, args, {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
    timeout: 20_000,
  });
  closeSync(full);
  expect({ status, stderr }).toEqual({ status: 7, stderr: '' });
});

test('so does one whose reader has gone', async () => {
  const [program = '', ...args] = node(
    `process.stdin.on('end', () => { log.info('lost'); setTimeout(() => process.exit(7), 300) }).resume()`,
  );
  const child = spawn(program, args);
  child.stdout.destroy();
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([7, null]);
});

test('a log at its limit drops what is too much, and once there is room says how much, with no line cut', async ({
  skip,
}) => {
  skip(spawnSync('prlimit', ['--version']).status !== 0, 'prlimit is not here to lift the limit');
  const file = join(folder, 'log');
  // Of 12 MB, eight wait; in blocks of 512 or 1024 bytes, the file holds some kilobytes.
  const script = `
    process.stdin.once('data', () => log.info('room again')).once('end', () => setTimeout(() => process.exit(0), 500));
    for (let line = 0; line < 12_000; line++) {
      log.info({ line, text: 'x'.repeat(1_000) });
      if (line === 100) await new Promise(resolve => setTimeout(resolve, 500));
    }
    setTimeout(() => process.stderr.write('stuck\\n'), 500);`;
  const args = ['-c', 'ulimit -S -f 10; exec "$@"', 'bash', ...node(script)];
  const out = openSync(file, 'a');
  const child = spawn('bash', args, { stdio: ['pipe', out, 'pipe'] });
  closeSync(out);
  const ended = once(child, 'exit');
  await once(createInterface({ input: child.stderr as NodeJS.ReadableStream }), 'line');
  expect(statSync(file).size).toBeLessThan(20_000);

  spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']);
  await expect.poll(() => statSync(file).size, { timeout: 10_000 }).toBeGreaterThan(8_000_000);
  child.stdin?.write('go on');
  await expect.poll(() => readFileSync(file, 'utf8')).toContain('room again');
  child.stdin?.end();
  expect(await ended).toEqual([0, null]);

  const lines = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { line?: number; msg?: string });
  const kept = lines.filter(({ line }) => line !== undefined);
  expect(kept.map(({ line }) => line)).toEqual([...kept.keys()]);
  expect(lines.slice(kept.length).map(({ msg }) => msg)).toEqual([
    `The log could not be written (EFBIG). Lines missing here: ${12_000 - kept.length}. Look after its disk, or whatever reads it.`,
    'room again',
  ]);
});
