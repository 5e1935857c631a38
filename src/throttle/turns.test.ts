import { expect, test } from 'vitest';
import { attemptInTurn } from './turns.ts';

/** A counter of so many attempts; a check gives back its own, as a right secret does, and a wrong one keeps it. */
function counter(attempts: number) {
  const db = {};
  const subject = Buffer.from('somebody');
  const ends: (() => void)[] = [];
  let left = attempts;
  let reads = 0;
  const tryOnce = (right: boolean, take = async () => {}) =>
    attemptInTurn(
      db,
      async () => {
        reads++;
        await take();
        return { subject, allowed: left > 0 && left-- > 0 };
      },
      async ({ allowed }) => {
        if (!allowed) return 'refused';
        await new Promise<void>(resolve => ends.push(resolve));
        if (right) left++;
        return right ? 'in' : 'wrong';
      },
    );
  return { tryOnce, ends, reads: () => reads };
}

const settled = () => new Promise(resolve => setTimeout(resolve, 5));

async function endAll(ends: (() => void)[]): Promise<void> {
  for (let end = ends.shift(); end !== undefined; end = ends.shift()) {
    end();
    await settled();
  }
}

test('who finds no attempt left waits for those who check, and goes on with what they give back', async () => {
  const { tryOnce, ends } = counter(2);
  const tries = Array.from({ length: 7 }, () => tryOnce(true));
  await settled();
  expect(ends).toHaveLength(2);
  await endAll(ends);
  expect(await Promise.all(tries)).toEqual(tries.map(() => 'in'));
});

test('where they fail, all who wait are refused, with a look or two each', async () => {
  const { tryOnce, ends, reads } = counter(2);
  const tries = Array.from({ length: 50 }, () => tryOnce(false));
  await settled();
  await endAll(ends);
  const results = await Promise.all(tries);
  expect(results.filter(result => result === 'wrong')).toHaveLength(2);
  expect(results.filter(result => result === 'refused')).toHaveLength(48);
  expect(reads()).toBeLessThan(50 + 48 + 3);
  // Nobody checks any more: the next one is refused at once.
  expect(await tryOnce(true)).toBe('refused');
});

test('one whose turn comes and who cannot ask passes it on', async () => {
  const { tryOnce, ends } = counter(1);
  const first = tryOnce(true);
  await settled();
  let asked = 0;
  const lost = tryOnce(true, async () => {
    if (++asked === 2) throw new Error('the database is away');
  });
  await settled();
  const last = tryOnce(true);
  await settled();
  const failed = lost.catch((error: Error) => error.message);
  await endAll(ends);
  expect(await failed).toBe('the database is away');
  expect([await first, await last]).toEqual(['in', 'in']);
});
