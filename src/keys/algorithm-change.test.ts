import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import type { Algorithm } from '../platform/config.ts';
import { sql } from '../platform/sql.ts';
import { openKeyRing } from './key-ring.ts';
import { listKeys } from './list.ts';
import { listLiveKeys } from './queries.ts';
import { buildState, signingKeyAt } from './ring-state.ts';
import { ensureSigningKey, PUBLISH_LEAD, replaceKeys, rotateKeys } from './rotate.ts';

const SECRET = 'sixty-four bytes or more of a shared secret, enough for HS512 too!';
const command = { actor: { kind: 'operator' }, caller: null, reason: 'command' } as const;

let world: TestDeps;
beforeAll(async () => {
  world = await testDeps({ tokens: { jwtSecret: SECRET } });
});
afterAll(() => world.close());
beforeEach(() => world.db.run(sql`delete from signing_keys`));

const withAlgorithm = (algorithm: Algorithm): TestDeps => ({
  ...world,
  config: { ...world.config, tokens: { ...world.config.tokens, algorithm } },
});
const signer = async (deps: TestDeps) =>
  signingKeyAt(buildState(deps, await listLiveKeys(deps.db, deps.clock.now())), deps.clock.now()).row;

type Step = 'rotate' | 'EdDSA' | 'ES256' | 'HS256';
const STEPS: readonly Step[] = ['rotate', 'EdDSA', 'ES256', 'HS256'];
const sequences = (length: number): Step[][] =>
  length === 0 ? [[]] : sequences(length - 1).flatMap(head => STEPS.map(step => [...head, step]));

/** Starts under the algorithm or rotates, a minute later each time, and gives the deps that are in force afterwards. */
async function walk(steps: readonly Step[]): Promise<TestDeps> {
  let deps = withAlgorithm('EdDSA');
  await ensureSigningKey(deps);
  for (const step of steps) {
    world.clock.advance(60);
    if (step === 'rotate') await rotateKeys(deps, command);
    else {
      deps = withAlgorithm(step);
      await ensureSigningKey(deps);
    }
  }
  return deps;
}

test('whatever rotations and changes of ALGORITHM follow each other, one key signs and nothing ends before it begins', async () => {
  for (const steps of sequences(3).map(others => ['rotate', ...others] as const)) {
    await world.db.run(sql`delete from signing_keys`);
    const told = steps.join(', ');
    const deps = await walk(steps);
    const { algorithm } = deps.config.tokens;
    const keys = await listKeys(deps);
    const signing = keys.filter(({ state }) => state === 'signing');
    expect(signing, told).toHaveLength(1);
    expect(signing[0], told).toMatchObject({ algorithm, kid: (await signer(deps)).kid });
    for (const { signsFrom, signsUntil } of keys)
      expect(signsUntil === null || signsUntil >= signsFrom, told).toBe(true);

    const rotation = await rotateKeys(deps, command);
    if (rotation === null) continue;
    world.clock.advance(PUBLISH_LEAD);
    expect((await signer(deps)).kid, `${told}, rotate`).toBe(rotation.key.kid);
  }
}, 60_000);

test('a key that a change of ALGORITHM overtook while it waited is not taken for the next one', async () => {
  const deps = await walk(['rotate', 'ES256', 'EdDSA']);
  const before = (await listKeys(deps)).map(({ kid }) => kid);
  const rotation = await rotateKeys(deps, command);
  expect(rotation?.made).toBe(true);
  expect(before).not.toContain(rotation?.key.kid);
  expect((await rotateKeys(deps, command))?.key.kid).toBe(rotation?.key.kid);
});

test('a shared secret that signs again after another algorithm starts over, and goes on when it would have ended before', async () => {
  const deps = await walk(['HS256', 'EdDSA', 'HS256']);
  const again = world.clock.now();
  // Nor does who rotates or replaces keys take those away that still verify: there is none to make.
  const before = await listKeys(deps);
  expect(before.map(({ algorithm }) => algorithm)).toContain('EdDSA');
  expect([await rotateKeys(deps, command), await replaceKeys(deps, command)]).toEqual([null, null]);
  expect(await listKeys(deps)).toEqual(before);
  world.clock.advance(deps.config.tokens.accessLifetime + 120);
  expect(await listKeys(deps)).toMatchObject([
    { algorithm: 'HS256', state: 'signing', signsFrom: again, signsUntil: null, verifiesUntil: null },
  ]);
});

test('a replica that still runs with the algorithm before makes no key, which every other one would sign with', async () => {
  const before = withAlgorithm('EdDSA');
  await ensureSigningKey(before);
  const old = await openKeyRing(before, { poll: 0.05 });
  const present = withAlgorithm('ES256');
  const [key] = (await ensureSigningKey(present)).filter(({ algorithm }) => algorithm === 'ES256');
  try {
    expect([await rotateKeys(before, command), await replaceKeys(before, command)]).toEqual([null, null]);
    // Nor by itself, when the key that the others sign with comes of age.
    world.clock.advance(before.config.tokens.keyRotationAge);
    await expect.poll(() => old.jwks().keys).toMatchObject([{ kid: key?.kid }]);
    await sleep(200);
    expect(await listKeys(present)).toMatchObject([{ kid: key?.kid, state: 'signing' }]);
    expect(await rotateKeys(present, command)).toMatchObject({ made: true, key: { algorithm: 'ES256' } });
  } finally {
    old.close();
  }
});
