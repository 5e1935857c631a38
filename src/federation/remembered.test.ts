import { expect, test } from 'vitest';
import { movableClock } from '../../test/support/deps.ts';
import { remember } from './remembered.ts';

test('a clock that is put back neither keeps what is no longer fresh nor waits with another fetch for as long', async () => {
  const clock = movableClock();
  let fetches = 0;
  const keys = remember(async () => ++fetches, clock, 600_000);
  const first = await keys.current();
  clock.advance(-3600);
  expect(await keys.newerThan(first)).toBe(2);
  clock.advance(-3600);
  expect(await keys.current()).toBe(3);
});
