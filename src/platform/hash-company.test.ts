import { beforeEach, expect, test, vi } from 'vitest';
import { type HashCompany, openHashCompany } from './hash-company.ts';

vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });

const settle = () => new Promise<void>(resolve => setImmediate(resolve));
const short = { milliseconds: 10 };

let company: HashCompany;
let gone: string[];
beforeEach(() => {
  company = openHashCompany(3);
  gone = [];
});

function join(name: string, hash: Parameters<HashCompany['join']>[0]): void {
  void company.join(hash).then(() => gone.push(name));
}

test('nobody waits where nobody waits for a slot', async () => {
  join('a', { ...short, waiting: 0 });
  await settle();
  expect(gone).toEqual(['a']);
  expect(vi.getTimerCount()).toBe(0);
});

test('while others wait, those who are done go on together once nobody does, or eight at a time', async () => {
  join('a', { ...short, waiting: 2 });
  join('b', { ...short, waiting: 1 });
  await settle();
  expect(gone).toEqual([]);
  join('c', { ...short, waiting: 0 });
  await settle();
  expect(gone).toEqual(['a', 'b', 'c']);
  // Nobody who comes later is hurried by the time that these would have waited.
  expect(vi.getTimerCount()).toBe(0);
  for (let n = 1; n <= 17; n++) join(String(n), { ...short, waiting: 100 });
  await settle();
  expect(gone.slice(3)).toEqual(Array.from({ length: 16 }, (_, n) => String(n + 1)));
  vi.runAllTimers();
  await settle();
  expect(gone.at(-1)).toBe('17');
});

test('nobody waits for longer than a tenth of a second, whatever the others do', async () => {
  join('a', { ...short, waiting: 100 });
  vi.advanceTimersByTime(60);
  join('b', { ...short, waiting: 100 });
  vi.advanceTimersByTime(39);
  await settle();
  expect(gone).toEqual([]);
  vi.advanceTimersByTime(1);
  await settle();
  expect(gone).toEqual(['a', 'b']);
  expect(vi.getTimerCount()).toBe(0);
});

test('where hashes take so long that no other ends within that time, nobody waits', async () => {
  join('a', { milliseconds: 300, waiting: 100 });
  await settle();
  expect(gone).toEqual(['a']);
  join('b', { milliseconds: 150, waiting: 100 });
  await settle();
  expect(gone).toEqual(['a']);
  join('c', { milliseconds: 150, waiting: 100 });
  await settle();
  expect(gone).toEqual(['a', 'b', 'c']);
});
