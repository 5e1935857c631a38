import { expect, onTestFinished, test, vi } from 'vitest';
import { openHashQueue } from './hash-queue.ts';

const deferred = () => Promise.withResolvers<void>();
const settle = () => new Promise<void>(resolve => setImmediate(resolve));

test('never more than its slots run at once, and the rest start in the order they came', async () => {
  const queue = openHashQueue(2, 10);
  const gates = Array.from({ length: 5 }, deferred);
  const started: number[] = [];
  const all = gates.map((gate, index) =>
    queue.run(async () => {
      started.push(index);
      await gate.promise;
    }),
  );
  await settle();
  expect(started).toEqual([0, 1]);
  expect(queue.stats()).toEqual({ running: 2, waiting: 3, dropped: 0 });
  gates[1]?.resolve();
  await settle();
  expect(started).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  await Promise.all(all);
  expect(started).toEqual([0, 1, 2, 3, 4]);
  expect(queue.stats()).toEqual({ running: 0, waiting: 0, dropped: 0 });
});

test('while jobs are short, one more than its slots is begun, and no more than those once they are long', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const queue = openHashQueue(2, 10, 50);
  const started: number[] = [];
  const begin = () => {
    const gates = Array.from({ length: 5 }, deferred);
    const all = gates.map((gate, index) =>
      queue.run(async () => {
        started.push(index);
        await gate.promise;
      }),
    );
    return { gates, all };
  };
  // How long they take is not known yet.
  const first = begin();
  await settle();
  expect(started).toEqual([0, 1]);
  for (const gate of first.gates) gate.resolve();
  await Promise.all(first.all);
  const second = begin();
  await settle();
  expect(started.slice(5)).toEqual([0, 1, 2]);
  expect(queue.stats()).toEqual({ running: 3, waiting: 2, dropped: 0 });
  second.gates[0]?.resolve();
  await settle();
  expect(started.slice(5)).toEqual([0, 1, 2, 3]);
  vi.advanceTimersByTime(300);
  second.gates[1]?.resolve();
  await settle();
  expect(started.slice(5)).toEqual([0, 1, 2, 3]);
  second.gates[2]?.resolve();
  await settle();
  expect(started.slice(5)).toEqual([0, 1, 2, 3, 4]);
  for (const gate of second.gates) gate.resolve();
  await Promise.all(second.all);
});

test('what finds the queue full is refused at once with overloaded and a time to come back', async () => {
  const queue = openHashQueue(1, 1);
  const gate = deferred();
  const running = queue.run(() => gate.promise);
  const waiting = queue.run(async () => 'done');
  await expect(queue.run(async () => 'never')).rejects.toMatchObject({ code: 'overloaded', retryAfter: 1 });
  gate.resolve();
  await running;
  expect(await waiting).toBe('done');
  expect(await queue.run(async () => 'again')).toBe('again');
});

test('whoever is refused is told to come back when those who wait are done, in a second at least and a minute at most', async () => {
  const askedBack = async (waitingMax: number, after = 0) => {
    const queue = openHashQueue(1, waitingMax);
    for (let job = 0; job < after; job++) await queue.run(async () => {});
    const gate = deferred();
    const all = Array.from({ length: 1 + waitingMax }, () => queue.run(() => gate.promise));
    const refused = await queue.run(async () => {}).catch(({ retryAfter }) => retryAfter);
    gate.resolve();
    await Promise.all(all);
    return refused;
  };
  expect([await askedBack(0), await askedBack(25), await askedBack(700)]).toEqual([1, 3, 60]);
  // Forty that took no time have told that those who wait will not take long.
  expect(await askedBack(700, 40)).toBe(1);
});

test('nothing is admitted to a queue that others have filled, however they came there', async () => {
  const queue = openHashQueue(1, 1);
  const gate = deferred();
  const all = [queue.run(() => gate.promise), queue.run(() => gate.promise)];
  let begun = false;
  const refused = queue.admit(async () => {
    begun = true;
  });
  await expect(refused).rejects.toMatchObject({ code: 'overloaded' });
  expect(begun).toBe(false);
  gate.resolve();
  await Promise.all(all);
});

test('no more work is admitted than the queue could hold, and what is refused has not begun', async () => {
  const queue = openHashQueue(1, 2);
  const gate = deferred();
  let begun = 0;
  const all = Array.from({ length: 5 }, () =>
    queue.admit(async () => {
      begun++;
      await gate.promise;
      return queue.run(async () => 'hashed');
    }),
  );
  expect(begun).toBe(3);
  gate.resolve();
  const outcomes = await Promise.allSettled(all);
  expect(outcomes.map(({ status }) => status)).toEqual([
    ...Array.from({ length: 3 }, () => 'fulfilled'),
    ...Array.from({ length: 2 }, () => 'rejected'),
  ]);
  expect(outcomes[4]).toMatchObject({ reason: { code: 'overloaded', retryAfter: 1 } });
  expect(await queue.admit(async () => 'again')).toBe('again');
});

test('a waiting job whose caller went away never runs, and gives its place back', async () => {
  const queue = openHashQueue(1, 1);
  const gate = deferred();
  const running = queue.run(() => gate.promise);
  const caller = new AbortController();
  let ran = false;
  const dropped = queue.run(async () => {
    ran = true;
  }, caller.signal);
  caller.abort(new Error('gone'));
  await expect(dropped).rejects.toThrow('gone');
  const next = queue.run(async () => 'next');
  gate.resolve();
  await running;
  expect(await next).toBe('next');
  await expect(queue.run(async () => 'too late', caller.signal)).rejects.toThrow('gone');
  expect(ran).toBe(false);
  expect(queue.stats()).toEqual({ running: 0, waiting: 0, dropped: 2 });
});

test('where callers go away, every other job is the newest, so that the patient get theirs; where nobody does, none is', async () => {
  const queue = openHashQueue(1, 20);
  const gates: ReturnType<typeof deferred>[] = [];
  const started: string[] = [];
  const run = (name: string, signal?: AbortSignal) =>
    queue.run(() => {
      const gate = deferred();
      gates.push(gate);
      started.push(name);
      return gate.promise;
    }, signal);
  const goes = async () => {
    const caller = new AbortController();
    const dropped = run('never', caller.signal);
    caller.abort();
    await expect(dropped).rejects.toThrow('aborted');
  };
  const next = async () => {
    gates.at(-1)?.resolve();
    await settle();
    return started.at(-1);
  };
  const all = ['first', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(name => run(name));
  await settle();
  expect([await next(), await next()]).toEqual(['a', 'b']);
  await goes();
  expect([await next(), await next(), await next()]).toEqual(['h', 'c', 'd']);
  await goes();
  expect(await next()).toBe('g');
  await goes();
  await goes();
  expect([await next(), await next()]).toEqual(['e', 'f']);
  gates.at(-1)?.resolve();
  await Promise.all(all);
  expect(queue.stats()).toEqual({ running: 0, waiting: 0, dropped: 4 });
});

test('a job that throws frees its slot', async () => {
  const queue = openHashQueue(1, 1);
  await expect(
    queue.run(async () => {
      throw new Error('broken');
    }),
  ).rejects.toThrow('broken');
  expect(queue.stats()).toEqual({ running: 0, waiting: 0, dropped: 0 });
});
