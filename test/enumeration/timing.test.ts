// Nobody learns it from the time of an answer either. `npm run enumeration` takes 2,000 samples of each.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { openHasher } from '../../src/platform/hasher.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { PASSWORD, person } from '../support/people.ts';
import { compare, sample } from './tell-apart.ts';

const MARGIN = 0.05;
const BY_HAND = Number(process.env.ENUMERATION_SAMPLES ?? 0);
const SAMPLES = BY_HAND > 0 ? BY_HAND : 400;
// What chance alone may do to 400 samples on a busy machine, it does not do to four times as many.
const RETRY = BY_HAND > 0 ? 0 : 1_600;
// These answer no sooner than after a while, which several can wait for at once, as long as the machine keeps up.
const TOGETHER = BY_HAND > 0 ? 2 : 6;
const TIMEOUT = 600_000;

let world: TestApp;
beforeAll(async () => {
  // The counters count, and lock nobody out.
  world = await testApp({
    requireVerifiedEmail: true,
    signInByMail: true,
    lockout: { attempts: 1_000_000 },
  });
  for (const kind of ['known', 'disabled', 'unverified', 'social-only'])
    await person(world, { email: `${kind}@example.com`, verified: kind !== 'unverified' });
  const { db } = world.deps;
  await db.run(sql`update users set disabled_at = now() where email = 'disabled@example.com'`);
  await db.run(
    sql`delete from passwords where user_id = (select id from users where email = 'social-only@example.com')`,
  );
});
afterAll(() => world.close());

type Branches = Readonly<Record<string, () => Promise<unknown>>>;

/** The branches that can be told from `unknown` by their time, as their areas. */
async function toldApart(
  branches: Branches,
  samples: number,
  together: number,
): Promise<Record<string, string>> {
  const times = await sample(branches, { samples, together });
  const told: Record<string, string> = {};
  for (const [name, branch] of Object.entries(times)) {
    if (name === 'unknown') continue;
    const { area, distance, probability } = compare(times.unknown ?? [], branch);
    if (BY_HAND > 0)
      process.stdout.write(
        `${expect.getState().currentTestName} | ${name} | ${area.toFixed(3)} | ${distance.toFixed(3)} | ${probability.toFixed(3)}\n`,
      );
    if (Math.abs(area - 0.5) > MARGIN) told[name] = area.toFixed(3);
  }
  return told;
}

async function expectAlike(branches: Branches, together = 1): Promise<void> {
  let told = await toldApart(branches, SAMPLES, together);
  const names = Object.keys(told);
  if (names.length > 0 && RETRY > 0) {
    const again = Object.entries(branches).filter(([name]) => name === 'unknown' || names.includes(name));
    told = await toldApart(Object.fromEntries(again), RETRY, together);
  }
  expect(told).toEqual({});
}

const login = (name: string, password = 'wrong', at = world) =>
  at.call('POST', '/token', { form: { username: `${name}@example.com`, password } });

describe('the time of an answer does not tell', () => {
  test(
    'POST /token, a wrong password',
    async () => {
      await expectAlike({
        unknown: () => login('nobody'),
        known: () => login('known'),
        disabled: () => login('disabled'),
        'disabled, right': () => login('disabled', PASSWORD),
        unverified: () => login('unverified'),
        'social-only': () => login('social-only'),
      });
    },
    TIMEOUT,
  );

  test(
    'POST /token, a hash of an earlier cost or algorithm',
    async () => {
      const moved = await testApp({ passwords: { bcryptCost: 5 }, lockout: { attempts: 1_000_000 } });
      const { config, db } = moved.deps;
      const earlier = {
        cheaper: { bcryptCost: 4 },
        costlier: { bcryptCost: 6 },
        argon2id: { hash: 'argon2id' },
      };
      await person(moved, { email: 'known@example.com' });
      for (const [name, settings] of Object.entries(earlier)) {
        const { id } = await person(moved, { email: `${name}@example.com` });
        const former = openHasher({ ...config.passwords, ...settings } as typeof config.passwords);
        await db.run(
          sql`update passwords set hash = ${await former.hash(PASSWORD)} where user_id = ${id}::uuid`,
        );
      }
      await db.run(sql`update users set disabled_at = now() where email = 'costlier@example.com'`);
      await expectAlike({
        unknown: () => login('nobody', 'wrong', moved),
        known: () => login('known', 'wrong', moved),
        cheaper: () => login('cheaper', 'wrong', moved),
        costlier: () => login('costlier', 'wrong', moved),
        'costlier, disabled, right': () => login('costlier', PASSWORD, moved),
        argon2id: () => login('argon2id', 'wrong', moved),
      });
      await moved.close();
    },
    TIMEOUT,
  );

  test(
    'POST /token, locked',
    async () => {
      const strict = await testApp();
      await person(strict, { email: 'known@example.com' });
      for (let attempt = 0; attempt < 5; attempt++) {
        await login('known', 'wrong', strict);
        await login('nobody', 'wrong', strict);
      }
      await expectAlike({
        unknown: () => login('nobody', 'wrong', strict),
        known: () => login('known', PASSWORD, strict),
      });
      await strict.close();
    },
    TIMEOUT,
  );

  test(
    'POST /password-reset/request',
    async () => {
      const ask = (name: string) =>
        world.call('POST', '/password-reset/request', { body: { email: `${name}@example.com` } });
      await expectAlike(
        { unknown: () => ask('nobody'), known: () => ask('known'), disabled: () => ask('disabled') },
        TOGETHER,
      );
    },
    TIMEOUT,
  );

  test(
    'POST /token/email',
    async () => {
      const ask = (name: string) =>
        world.call('POST', '/token/email', { body: { email: `${name}@example.com` } });
      await expectAlike(
        { unknown: () => ask('nobody'), known: () => ask('known'), disabled: () => ask('disabled') },
        TOGETHER,
      );
    },
    TIMEOUT,
  );

  test(
    'POST /signup and /signup/set-password',
    async () => {
      const names = { first_name: 'Mallory', last_name: 'M', phone_number: '+254712345678' };
      const begin = (email: string) => world.call('POST', '/signup', { body: { ...names, email } });
      let count = 0;
      const fresh = () => `new${count++}@example.com`;
      await expectAlike({ unknown: () => begin(fresh()), known: () => begin('known@example.com') }, TOGETHER);

      const pending: Record<string, [email: string, token: string][]> = { unknown: [], known: [] };
      const finish = async (kind: string) => {
        const [email, signup_token] = (pending[kind] ?? []).pop() as [string, string];
        const body = { email, password: PASSWORD, confirm_password: PASSWORD, signup_token };
        await world.call('POST', '/signup/set-password', { body });
      };
      const needed = Math.ceil((RETRY > 0 ? SAMPLES + RETRY : SAMPLES) * 1.1) + 20;
      for (let made = 0; made < needed; made += 40)
        await Promise.all(
          Array.from({ length: 40 }, async () => {
            for (const [kind, email] of [
              ['unknown', fresh()],
              ['known', 'known@example.com'],
            ] as const)
              pending[kind]?.push([email, (await begin(email)).json().signup_token]);
          }),
        );
      await expectAlike({ unknown: () => finish('unknown'), known: () => finish('known') }, TOGETHER);
    },
    TIMEOUT,
  );
});

test(
  'the gate has the power to tell: 2 ms more on one branch, and it fails',
  async () => {
    const { hasher } = world.deps;
    const leaky = {
      ...hasher,
      async compare(hash: string | null, password: string) {
        if (hash === null) await sleep(2);
        return hasher.compare(hash, password);
      },
    };
    const app = await createApp({ ...world.deps, hasher: leaky });
    const send = (username: string) => () =>
      app.inject({ method: 'POST', url: '/token', payload: { username, password: 'wrong' } });
    const told = await toldApart(
      { unknown: send('nobody@example.com'), known: send('known@example.com') },
      SAMPLES,
      1,
    );
    expect(Object.keys(told)).toEqual(['known']);
    await app.close();
  },
  TIMEOUT,
);
