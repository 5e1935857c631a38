import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterEach, expect, test } from 'vitest';
import type { TokenClaims } from '../src/keys/claims.ts';
import { openKeyRing } from '../src/keys/key-ring.ts';
import { rotateKeys } from '../src/keys/rotate.ts';
import { numericDate, systemClock } from '../src/platform/clock.ts';
import { testDeps } from './support/deps.ts';

// Real processes on real time, with the service's minutes made into parts of a second.
const POLL = 0.1;
const JWKS_AGE_MS = 300;
const LEAD = 0.8;
const LIFETIME = 2;
const REPLICA = new URL('support/replica-process.ts', import.meta.url);

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function replica(url: string, tokens: object) {
  const child = fork(
    REPLICA,
    [url, JSON.stringify({ poll: POLL, publishLead: LEAD }), JSON.stringify(tokens)],
    { execArgv: [] },
  );
  children.push(child);
  const waiting = new Map<number, (answer: string) => void>();
  const ready = new Promise<string>(resolve => waiting.set(0, resolve));
  child.on('message', ({ id, answer }: { id: number; answer: string }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  let last = 0;
  const ask = (order: { sign?: TokenClaims; verify?: string }) =>
    new Promise<string>(resolve => {
      waiting.set(++last, resolve);
      child.send({ id: last, ...order });
    });
  await ready;
  return {
    sign: (claims: TokenClaims) => ask({ sign: claims }),
    verify: (token: string) => ask({ verify: token }),
  };
}

// What two replicas and a sibling service with a cached JWKS say of every token, while keys rotate.
async function rotateUnderLoad({ lead, rotations }: { lead: number; rotations: number }) {
  const tokens = { algorithm: 'ES256' as const, accessLifetime: LIFETIME };
  const world = await testDeps({ tokens });
  const deps = { ...world, clock: systemClock };
  const keys = await openKeyRing(deps, { poll: POLL, publishLead: LEAD });
  const other = await replica(world.databaseUrl, tokens);
  const claims = (): TokenClaims => {
    const iat = numericDate(systemClock.now());
    const id = deps.random.uuid();
    return {
      sub: id,
      jti: id,
      sid: id,
      roles: [],
      permissions: [],
      amr: ['pwd'],
      auth_time: iat,
      iat,
      nbf: iat,
      exp: iat + LIFETIME,
    };
  };
  const failures: string[] = [];
  const kids = new Set<unknown>();
  let verified = 0;
  let fetchedAt = -Infinity;
  let cached = createLocalJWKSet({ keys: [] });

  const verifyEverywhere = async (token: string) => {
    if (performance.now() - fetchedAt >= JWKS_AGE_MS) {
      cached = createLocalJWKSet({ keys: keys.jwks().keys.map(key => ({ ...key })) });
      fetchedAt = performance.now();
    }
    const answers = await Promise.allSettled([
      Promise.resolve().then(() => keys.verify(token)),
      other.verify(token).then(answer => {
        if (answer !== 'accepted') throw new Error(`replica: ${answer}`);
      }),
      jwtVerify(token, cached, { issuer: 'http://localhost:8000', audience: 'entrecore', clockTolerance: 1 }),
    ]);
    verified += answers.length;
    for (const answer of answers) if (answer.status === 'rejected') failures.push(String(answer.reason));
  };

  const old: { token: string; until: number }[] = [];
  let done = false;
  const load = (async () => {
    while (!done) {
      for (const token of [keys.sign(claims()), await other.sign(claims())]) {
        kids.add(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid);
        await verifyEverywhere(token);
        old.push({ token, until: performance.now() + (LIFETIME - 1.2) * 1000 });
      }
      const held = old.splice(0, 10).filter(({ until }) => until > performance.now());
      for (const { token } of held) await verifyEverywhere(token);
      old.push(...held);
    }
  })();
  for (let count = 0; count < rotations; count++) {
    const cause = { actor: { kind: 'operator' }, caller: null, reason: 'command' } as const;
    await Promise.all([rotateKeys(deps, cause, lead), rotateKeys(deps, cause, lead)]);
    await sleep(lead * 1000 + 500);
  }
  done = true;
  await load;
  keys.close();
  await world.close();
  return { failures: [...new Set(failures)], verified, kids: kids.size };
}

test('while keys rotate, no replica and no sibling with a cached JWKS refuses a good token', async () => {
  const { failures, verified, kids } = await rotateUnderLoad({ lead: LEAD, rotations: 3 });
  expect(failures).toEqual([]);
  expect(verified).toBeGreaterThan(100);
  expect(kids).toBe(4);
});

test('the same load does see a key that signs before it is published', async () => {
  const { failures } = await rotateUnderLoad({ lead: 0, rotations: 2 });
  expect(failures.length).toBeGreaterThan(0);
});
