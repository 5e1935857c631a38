import { expect, test } from 'vitest';
import { movableClock, testConfig } from '../../test/support/deps.ts';
import type { Deps } from '../platform/deps.ts';
import { openLog } from '../platform/log.ts';
import { openMemoryCache } from '../platform/memory-cache.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { listenForTries, withTry } from './tries.ts';

const GRACE = testConfig.sessions.reuseGrace;

/** Tries that end when they are told to, and since when each of them counts, at one of two replicas. */
function world() {
  const clock = movableClock();
  const start = clock.now().getTime();
  const cache = openMemoryCache({ clock, log: openLog('silent') });
  const replica = (root = 'a root secret for tests, 32 bytes+') => {
    const db = {} as Deps['db'];
    return { clock, cache, db, config: testConfig, secrets: deriveSecrets(root) };
  };
  const [own, other] = [replica(), replica()];
  for (const deps of [own, other]) listenForTries(deps);
  const begin = (name = 'session 1', deps = own) => {
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
  return { clock, begin, other, stranger: replica('a root secret of somebody else, 32 bytes') };
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

test('another replica hears of a try that was left unanswered, and for how long that counts', async () => {
  const { clock, begin, other } = world();
  await begin().lose();
  clock.advance(GRACE - 1);
  expect(begin('session 1', other).since).toBe(0);
  expect(begin('session 2', other).since).toBe(GRACE - 1);
  clock.advance(1);
  expect(begin('session 1', other).since).toBe(GRACE);
});

test('what is heard of a later try does not bring back one that is over', async () => {
  const { clock, begin, other } = world();
  await begin('session 1', other).lose();
  clock.advance(60);
  await begin().lose();
  expect(begin('session 1', other).since).toBe(60);
});

test('somebody who can write to Redis alone makes no try older', async () => {
  const { clock, begin, stranger } = world();
  await begin('session 1', stranger).lose();
  clock.advance(5);
  expect(begin().since).toBe(5);
});
