import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeExclusive } from './lock.ts';

const LOCK = new URL('./lock.ts', import.meta.url).href;

test('a lock whose holder hangs is given up, with how to find the one that has it, and is free once that was killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lock-'));
  const file = join(folder, 'gate.lock');
  writeFileSync(file, '');
  const script = `
    import { takeExclusive } from ${JSON.stringify(LOCK)};
    await takeExclusive(${JSON.stringify(file)}, { onWait() {} });
    console.log('held');
    process.kill(process.pid, 'SIGSTOP');`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script]);
  try {
    await once(holder.stdout, 'data');
    const began = performance.now();
    await expect(takeExclusive(file, { onWait() {}, patienceMs: 300 })).rejects.toThrow(
      `Another process has been at ${file} for 0.3 s without an end: it hangs, or was stopped. End it (fuser -v ${file}`,
    );
    expect(performance.now() - began).toBeLessThan(5_000);
  } finally {
    holder.kill('SIGKILL');
    await once(holder, 'exit');
  }
  (await takeExclusive(file, { onWait() {}, patienceMs: 300 })).release();
  rmSync(folder, { recursive: true });
});
