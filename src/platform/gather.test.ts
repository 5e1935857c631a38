import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { gather } from './gather.ts';
import { Problem } from './problems.ts';

const PATIENT = 10_000;

/** Someone who serves, and whose companies come back when they are told to. */
function server(waitMs: number) {
  const sent: string[][] = [];
  const back: (() => void)[] = [];
  const together = (asks: readonly string[]) => {
    const { promise, resolve } = Promise.withResolvers<readonly string[]>();
    sent.push([...asks]);
    back.push(() => resolve(asks.map(ask => ask.toUpperCase())));
    return promise;
  };
  const ask = gather<string, string>({
    waitMs,
    together,
    alone: async one => (await together([one]))[0] as string,
  });
  /** Asks, and gives everything that is ready the time to be sent. */
  const send = async (...asks: string[]) => {
    const answers = asks.map(ask);
    await sleep(1);
    return { answers };
  };
  return { ask, send, sent, comeBack: (index: number) => back[index]?.() };
}

test('who asks while a company is away waits for its return, and goes with those who came meanwhile', async () => {
  const { send, sent, comeBack } = server(PATIENT);
  const { answers: a } = await send('a');
  const { answers: b } = await send('b');
  const { answers: c } = await send('c');
  expect(sent).toEqual([['a']]);
  comeBack(0);
  expect(await Promise.all(a)).toEqual(['A']);
  await sleep(1);
  expect(sent).toEqual([['a'], ['b', 'c']]);
  comeBack(1);
  expect(await Promise.all([...b, ...c])).toEqual(['B', 'C']);
  await send('d');
  expect(sent.at(-1)).toEqual(['d']);
});

test('the next company is on its way before those of the last go on with their answers', async () => {
  const order: string[] = [];
  const ask = gather<string, string>({
    waitMs: PATIENT,
    async together(asks) {
      // As the pool gives out a connection, and as a server that takes a while.
      await new Promise<void>(done => process.nextTick(done));
      order.push(`sent ${asks.join(' ')}`);
      await sleep(5);
      return asks;
    },
    async alone(one) {
      return (await this.together([one]))[0] as string;
    },
  });
  const goOn = async (one: string) => order.push(`${await ask(one)} goes on`);
  const first = [goOn('a'), goOn('b')];
  await sleep(2);
  await Promise.all([...first, goOn('c'), goOn('d')]);
  expect(order).toEqual(['sent a b', 'sent c d', 'a goes on', 'b goes on', 'c goes on', 'd goes on']);
});

test('ten are a company, and leave at once', async () => {
  const { send, sent } = server(PATIENT);
  await send('a');
  const many = Array.from({ length: 11 }, (_, index) => String(index));
  await send(...many);
  expect(sent).toEqual([['a'], many.slice(0, 10)]);
});

test('nobody waits longer than they would for one that is quick', async () => {
  const { ask, send, sent } = server(100);
  await send('a');
  const from = performance.now();
  void ask('b');
  await expect.poll(() => sent, { interval: 1 }).toEqual([['a'], ['b']]);
  expect(performance.now() - from).toBeGreaterThan(50);
  // One that was not quick is waited for no more.
  await sleep(120);
  await send('c');
  expect(sent).toEqual([['a'], ['b'], ['c']]);
  // Again and again.
  void ask('d');
  await expect.poll(() => sent, { interval: 1 }).toEqual([['a'], ['b'], ['c'], ['d']]);
});

test('without a wait each turn of the event loop is a company', async () => {
  const { send, sent } = server(0);
  await send('a');
  await send('b', 'c');
  await send('d');
  expect(sent).toEqual([['a'], ['b', 'c'], ['d']]);
});

test('one that fails takes nobody who waits with it', async () => {
  let fails = true;
  const sent: (readonly string[])[] = [];
  const answer = async (asks: readonly string[]) => {
    sent.push(asks);
    await sleep(2);
    if (fails) throw new Error('gone');
    return asks;
  };
  const ask = gather<string, string>({
    waitMs: PATIENT,
    together: answer,
    alone: async one => (await answer([one]))[0] as string,
  });
  const lost = ask('a');
  await sleep(1);
  const waiting = [ask('b'), ask('c')];
  await expect(lost).rejects.toThrow('gone');
  fails = false;
  expect(await Promise.all(waiting)).toEqual(['b', 'c']);
  expect(sent).toEqual([['a'], ['b', 'c']]);
});

test('two with one key never go together, and go with others again in the turns after that', async () => {
  const sent: (readonly string[])[] = [];
  const together = async (asks: readonly string[]) => {
    sent.push(asks);
    return asks;
  };
  const alone = async (one: string) => (await together([one]))[0] as string;
  const ask = gather<string, string>({ together, alone, key: one => one });
  for (const asks of [
    ['a', 'b', 'a'],
    ['b', 'a'],
  ])
    expect(await Promise.all(asks.map(ask))).toEqual(asks);
  expect(sent).toEqual([['a', 'b'], ['a'], ['b', 'a']]);
});

test('where the database cannot be reached, nobody of a company asks it again', async () => {
  const unavailable = new Problem('database_unavailable');
  let alone = 0;
  const ask = gather<string, string>({
    together: () => Promise.reject(unavailable),
    alone: async one => {
      alone++;
      return one;
    },
  });
  expect(await Promise.allSettled(['a', 'b', 'c'].map(ask))).toEqual(
    Array(3).fill({ status: 'rejected', reason: unavailable }),
  );
  expect(alone).toBe(0);
});
