import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { sealFor } from './person-key.ts';

let deps: TestDeps;
beforeEach(async () => {
  deps = await testDeps();
});
afterEach(() => deps.close());

test('the keys that a process keeps of recent people hold no more memory than they are long', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const held = () => {
    gc();
    return process.memoryUsage().arrayBuffers;
  };
  const before = held();
  for (let person = 0; person < 300; person++) {
    const [userId, eventId] = [deps.random.uuid(), deps.random.uuid()];
    expect(await sealFor(deps, deps.db, { userId, eventId, plaintext: 'ada' })).not.toBeNull();
    // What other requests do between two people: Node's pool for small Buffers is used up.
    for (let other = 0; other < 3; other++) Buffer.allocUnsafe(30_000);
  }
  // The pool's pieces for three hundred keys are 19 MB.
  expect(held() - before).toBeLessThan(4_000_000);
});
