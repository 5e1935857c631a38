import { expect, test } from 'vitest';
import { countingUuid, systemRandom } from './random.ts';

test('ids sort as they were made, also within a millisecond, and stay different', () => {
  const ids = Array.from({ length: 20_000 }, () => systemRandom.uuid());
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('a clock that is set back does not bring an id before those that were made, until 4,096 of them are', () => {
  const tail = '7fff-8000-000000000000';
  let time = '019a0000-0002';
  const uuid = countingUuid(() => `${time}-${tail}`);
  const before = uuid();
  time = '019a0000-0001';
  const behind = Array.from({ length: 4095 }, uuid);
  expect([before, ...behind].toSorted()).toEqual([before, ...behind]);
  expect(behind.at(-1)).toBe('019a0000-0002-7fff-8000-000000000000');
  expect(uuid()).toBe('019a0000-0001-7000-8000-000000000000');
  time = '019a0000-0003';
  expect(uuid()).toBe('019a0000-0003-7000-8000-000000000000');
});
