// A day of guessing from everywhere, on a virtual clock. docs/lockout.md has what it prints.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { login } from '../../src/passwords/login.ts';
import { Problem } from '../../src/platform/problems.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { logIn, type Person, person } from '../support/people.ts';

const ADDRESSES = 10_000;
const MINUTES = 24 * 60;
const A_MINUTE = Math.ceil(ADDRESSES / MINUTES);

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ rateLimit: 'on' });
});
afterAll(() => world.close());

// Five guesses, a lock of 15 minutes, five more, one of 30, and so on: the next guess comes when the lock ends.
function guessesAllowed(): number {
  const { attempts, duration, maxDuration } = world.deps.config.lockout;
  let guesses = 0;
  for (let at = 0, locks = 0; at < MINUTES * 60; locks++) {
    guesses += attempts;
    at += Math.min(maxDuration, duration * 2 ** locks);
  }
  return guesses;
}

const ipOf = (address: number) => `10.${address >> 16}.${(address >> 8) & 255}.${address & 255}`;

test('10,000 addresses guess at one account for a day: no more guesses than the policy says, and its owner gets in every hour', async () => {
  const ada = await person(world);
  const { device_token = '' } = await logIn(world, ada);
  const seen = { known: new Map<number, number>(), unknown: new Map<number, number>() };
  const guess = async (who: keyof typeof seen, username: string, address: number) => {
    const caller = { requestId: `guess-${address}`, ip: ipOf(address), userAgent: 'botnet' };
    const credentials = { name: username, password: `Guess-number-${address}`, devices: [] };
    const refusal = await login(world.deps, caller, credentials).catch((error: unknown) => error);
    if (!(refusal instanceof Problem)) throw new Error('A guess was right, or failed', { cause: refusal });
    seen[who].set(refusal.status, (seen[who].get(refusal.status) ?? 0) + 1);
  };
  const owner: number[] = [];
  let tries = 0;
  for (let minute = 0; minute < MINUTES; minute++) {
    const addresses = Array.from({ length: A_MINUTE }, (_, index) => minute * A_MINUTE + index);
    await Promise.all(addresses.map(address => guess('known', ada.email, address)));
    tries += addresses.length;
    if (minute % 60 === 30) {
      owner.push(await ownerLogsIn(ada, device_token));
      await Promise.all(addresses.map(address => guess('unknown', 'nobody@example.com', address)));
    }
    world.deps.clock.advance(60);
  }
  const guesses = seen.known.get(401) ?? 0;
  const refused = seen.known.get(429) ?? 0;
  process.stdout.write(
    `${tries} tries from as many addresses in a day: ${guesses} guesses, ${refused} refused unread; the policy allows ${guessesAllowed()}; the owner got in ${owner.length} times\n`,
  );
  expect(tries).toBeGreaterThanOrEqual(ADDRESSES);
  expect(guesses).toBe(guessesAllowed());
  expect(guesses + refused).toBe(tries);
  expect(owner).toEqual(Array.from({ length: 24 }, () => 200));
  // A name that nobody has is tried once an hour only, and locks alike.
  expect([...seen.unknown.keys()].toSorted((a, b) => a - b)).toEqual([401, 429]);
  expect(seen.unknown.get(401)).toBeLessThanOrEqual(guesses);
}, 240_000);

async function ownerLogsIn({ email, password }: Person, device_token: string): Promise<number> {
  const form = { username: email, password, device_token };
  return (await world.call('POST', '/token', { form, ip: '198.51.100.7' })).statusCode;
}
