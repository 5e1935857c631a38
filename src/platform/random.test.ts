import { expect, test } from 'vitest';
import { countingUuid, pooledBytes, systemRandom } from './random.ts';

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

test('bytes of any length are given once, and what was given is wiped', () => {
  let filled = 0;
  const fills: Buffer[] = [];
  const bytes = pooledBytes(target => {
    fills.push(target);
    for (let at = 0; at < target.length; at += 2) target.writeUInt16BE(++filled, at);
  });
  const words = (buffer: Buffer) =>
    Array.from({ length: buffer.length / 2 }, (_, index) => buffer.readUInt16BE(2 * index));
  const given = [12, 32, 4052, 2, 5000, 4094, 0, 4096].map(bytes);
  expect(given.map(({ length }) => length)).toEqual([12, 32, 4052, 2, 5000, 4094, 0, 4096]);
  const all = given.flatMap(words);
  expect(new Set(all).size).toBe(all.length);
  expect(all).not.toContain(0);
  expect(fills.map(({ length }) => length)).toEqual([4096, 4096, 5000, 4096]);
  expect(words(fills[0] as Buffer).every(word => word === 0)).toBe(true);
  given.at(-1)?.fill(7);
  expect(words(bytes(2))).toEqual([filled - 2047]);
});

test('the bytes of the system are its own every time', () => {
  const drawn = Array.from({ length: 2_000 }, () => systemRandom.bytes(16).toString('hex'));
  expect(new Set(drawn).size).toBe(drawn.length);
  const ones = drawn
    .join('')
    .replaceAll(/./g, digit => Number.parseInt(digit, 16).toString(2))
    .replaceAll('0', '');
  // 256,000 bits: half of them, give or take eight standard deviations.
  expect(Math.abs(ones.length - 128_000)).toBeLessThan(2_024);
});
