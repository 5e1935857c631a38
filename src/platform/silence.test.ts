import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { watchSilence } from './silence.ts';

test('whoever hears nothing gives up, once, and nobody who was answered does', async () => {
  const watch = watchSilence(600);
  const gaveUp: string[] = [];
  const wait = (name: string) => watch(({ message }) => gaveUp.push(`${name}: ${message}`));
  wait('first');
  const answered = wait('second');
  await sleep(300);
  answered();
  const third = wait('third');
  await sleep(400);
  expect(gaveUp).toEqual(['first: no answer came within 0.6 s']);
  third();
  // The timer has stopped by then, and begins anew.
  await sleep(300);
  wait('fourth');
  await sleep(1000);
  expect(gaveUp.map(line => line.split(':')[0])).toEqual(['first', 'fourth']);
});

test('a program that has its answer ends, whatever may be waited', () => {
  const silence = JSON.stringify(new URL('./silence.ts', import.meta.url).href);
  const script = `import { watchSilence } from ${silence}; watchSilence(3_600_000)(() => {})();`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
  expect(status).toBe(0);
});
