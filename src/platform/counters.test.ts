import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { openCounters } from './counters.ts';

test('a full table forgets the oldest keys, and goes on counting the others', () => {
  const hit = openCounters(systemClock, 100);
  for (let key = 0; key < 100; key++) hit(`k${key}`, 60);
  hit('one more', 60);
  expect(hit('k99', 60).count).toBe(2);
  expect(hit('one more', 60).count).toBe(2);
  expect(hit('k0', 60).count).toBe(1);
});

test('a new key costs a full table no more than another one: many of them hold up nobody', () => {
  const hit = openCounters(systemClock);
  for (let key = 0; key < 100_000; key++) hit(`k${key}`, 60);
  const from = performance.now();
  for (let key = 0; key < 20_000; key++) hit(`new${key}`, 60);
  // To look through all the keys for each of these takes twenty seconds.
  expect(performance.now() - from).toBeLessThan(2_000);
});
