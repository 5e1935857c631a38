import { expect, test } from 'vitest';
import { textOfSecond } from './clock.ts';

test('each second has its own text, whichever was asked for before', () => {
  for (const second of [1_796_083_200, 1_796_083_200, 1_796_083_201, 0, 1_796_083_200])
    expect(textOfSecond(second)).toBe(new Date(second * 1000).toISOString());
});
