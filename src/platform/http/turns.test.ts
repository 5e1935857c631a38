import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { openTurns } from './turns.ts';

test('of a crowd, so many begin in one turn of the event loop, first come first served, and none is left behind', async () => {
  const takeTurns = openTurns(3);
  const begun: number[] = [];
  const seen: number[] = [];
  for (let n = 0; n < 10; n++) takeTurns(() => begun.push(n));
  seen.push(begun.length);
  while (begun.length < 10) {
    await nextTurn();
    seen.push(begun.length);
  }
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(seen).toEqual([3, 6, 9, 10]);
});

test('whoever comes while others wait stands behind them, and one that comes alone begins at once', async () => {
  const takeTurns = openTurns(2);
  const begun: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) takeTurns(() => begun.push(name));
  await nextTurn();
  takeTurns(() => begun.push('e'));
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  await nextTurn();
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
  await nextTurn();
  takeTurns(() => begun.push('f'));
  expect(begun.at(-1)).toBe('f');
});

test('one that fails to begin keeps nobody else from it', async () => {
  const takeTurns = openTurns(1);
  const begun: string[] = [];
  const fail = () => {
    throw new Error('no');
  };
  expect(() => takeTurns(fail)).toThrow('no');
  takeTurns(() => begun.push('a'));
  while (begun.length === 0) await nextTurn();
  expect(begun).toEqual(['a']);
});

test('what has begun is let go of, also where the crowd has no end', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const takeTurns = openTurns(1);
  let isOver = false;
  const again = () => {
    if (!isOver) takeTurns(() => again());
  };
  again();
  again();
  const begun: string[] = [];
  const kept = new WeakRef({ name: 'a request' });
  const begin = (request: { name: string }) => () => void begun.push(request.name);
  takeTurns(begin(kept.deref() as { name: string }));
  while (begun.length === 0) await nextTurn();
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  collect();
  // Before anything is judged: a failure would leave the crowd, and the run, without an end.
  isOver = true;
  expect(kept.deref()).toBeUndefined();
});
