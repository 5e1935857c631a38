import { expect, test } from 'vitest';
import { movableClock, testConfig } from '../../test/support/deps.ts';
import type { Deps } from '../platform/deps.ts';
import { withTry } from './tries.ts';

const GRACE = testConfig.sessions.reuseGrace;

/** Tries that end when they are told to, and since when each of them counts. */
function world() {
  const clock = movableClock();
  const start = clock.now().getTime();
  const deps = { clock, config: testConfig, db: {} as Deps['db'] };
  const begin = (name = 'session 1') => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let since = Number.NaN;
    const isAnswer = (error: unknown) => error === 'refused';
    const work = (from: Date) => {
      since = (from.getTime() - start) / 1000;
      return promise;
    };
    const over = withTry(deps, name, { work, isAnswer }).catch(() => {});
    const end = (settle: () => void) => () => (settle(), over);
    return {
      since,
      answer: end(resolve),
      refuse: end(() => reject('refused')),
      lose: end(() => reject('lost')),
    };
  };
  return { clock, begin };
}

test('a retry counts since the try that is still under way, of the same token alone', () => {
  const { clock, begin } = world();
  expect(begin().since).toBe(0);
  clock.advance(60);
  expect([begin().since, begin('session 2').since]).toEqual([0, 60]);
});

test.each(['answer', 'refuse'] as const)('an %s ends a try, though others of it are under way', async way => {
  const { clock, begin } = world();
  const [, other] = [begin(), begin()];
  await other[way]();
  clock.advance(1);
  const next = begin();
  clock.advance(GRACE);
  expect([next.since, begin().since]).toEqual([1, 1]);
});

test('repeats of which each overlaps the next are no one try', async () => {
  const { clock, begin } = world();
  let before = begin();
  const since: number[] = [];
  for (let count = 0; count < 4; count++) {
    clock.advance(5);
    const next = begin();
    since.push(next.since);
    await before.answer();
    before = next;
  }
  expect(since).toEqual([0, 10, 10, 20]);
});

test('a retry counts since the try that was left unanswered, for the grace after that, whoever else was answered', async () => {
  const { clock, begin } = world();
  const [lost, other] = [begin(), begin()];
  clock.advance(20);
  await lost.lose();
  await other.answer();
  clock.advance(GRACE - 1);
  const again = begin();
  expect(again.since).toBe(0);
  await again.lose();
  clock.advance(GRACE - 1);
  expect(begin().since).toBe(0);
  clock.advance(1);
  expect(begin().since).toBe(20 + 2 * GRACE - 1);
});
