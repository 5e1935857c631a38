import { expect, test } from 'vitest';
import { loadOnce } from './load-once.ts';

test('what was loaded is kept, by all who asked meanwhile', async () => {
  let loads = 0;
  const load = loadOnce(async () => ++loads);
  expect(await Promise.all([load(), load()])).toEqual([1, 1]);
  expect(await load()).toBe(1);
});

test('what could not be loaded is loaded by the next call', async () => {
  let isFull = true;
  const load = loadOnce(async () => {
    if (isFull) throw new Error('too many open files');
    return 'loaded';
  });
  const refused = await Promise.allSettled([load(), load()]);
  expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  isFull = false;
  expect(await load()).toBe('loaded');
});
