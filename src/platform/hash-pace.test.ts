import { expect, test } from 'vitest';
import { openHashPace } from './hash-pace.ts';

const refused = { kind: 'quick', tries: 1, milliseconds: 1 };

/** How long a refusal waits, in milliseconds, where hashes of another kind took so long. */
async function waits(others: readonly number[]): Promise<number> {
  const pace = openHashPace();
  pace.note(refused);
  for (const milliseconds of others) pace.note({ kind: 'slow', tries: 1, milliseconds });
  const from = performance.now();
  await pace.evenOut(refused);
  return performance.now() - from;
}

test('a refusal waits for as long as a hash of another kind would have taken, known from the first one on', async () => {
  expect(await waits([])).toBeLessThan(20);
  expect(await waits([60])).toBeGreaterThanOrEqual(58);
  expect(await waits([20, 60, 20, 60])).toBeGreaterThanOrEqual(58);
});

test('one hash that was held up does not hold up every refusal after it', async () => {
  expect(await waits([60, 30_000, 60])).toBeLessThan(5_000);
});
