// docs/failure-modes.md, "A lost answer": what is done in the database, and its caller never hears.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { sql } from '../../src/platform/sql.ts';
import { liveRevocations } from '../../src/sessions/live-revocations.ts';
import { expectProblem } from '../support/contract.ts';
import { type FaultyApp, faultyApp } from '../support/faulty.ts';
import { logIn, type Person, person, type Tokens } from '../support/people.ts';
import { hasRedisServer, startRedis } from '../support/redis.ts';
import { waitingForLock } from '../support/waiting-for-lock.ts';

let world: FaultyApp;
let ada: Person;
let tokens: Tokens;
beforeEach(async () => {
  // Long enough for a commit to be seen before the service gives up, also on a machine that does much else.
  world = await faultyApp({}, { patience: { connectionMs: 400, statementMs: 1_500 } });
  ada = await person(world);
  tokens = await logIn(world, ada);
});
afterEach(() => world.close());

const refresh = () => world.call('POST', '/refresh-token', { body: { token: tokens.refresh_token } });
const generation = async () =>
  (await world.deps.db.row<{ generation: number }>(sql`select max(generation) as generation from sessions`))
    ?.generation;

/** A refresh that is committed, and answered 503 after 25 seconds. */
async function loseAnswer(): Promise<void> {
  world.line.mute();
  const lost = refresh();
  await expect.poll(() => generation(), { interval: 10 }).toBe(1);
  world.deps.clock.advance(25);
  expectProblem(await lost, 'database_unavailable');
}

test('down in the middle of a request: nothing half done is seen, and the answer that was lost can be had again', async () => {
  world.line.mute();
  // It is done there, and its answer never comes.
  expectProblem(await refresh(), 'database_unavailable');
  world.line.cut();
  world.line.restore();
  const again = await refresh();
  expect(again.statusCode, again.body).toBe(200);
  const successor = again.json().refresh_token;
  expect((await refresh()).json().refresh_token).toBe(successor);
  const next = await world.call('POST', '/refresh-token', { body: { token: successor } });
  expect(next.statusCode).toBe(200);
});

test('an answer that was lost for longer than the grace can be had again, for a grace from the 503, and then it is theft', async () => {
  await loseAnswer();
  // The same again, while nothing is to be had.
  world.deps.clock.advance(9);
  expectProblem(await refresh(), 'database_unavailable');
  world.line.cut();
  world.line.restore();
  world.deps.clock.advance(9);
  const again = await refresh();
  expect(again.statusCode, again.body).toBe(200);
  const { refresh_token } = again.json();
  const next = await world.call('POST', '/refresh-token', { body: { refresh_token } });
  expect(next.statusCode).toBe(200);
  expectProblem(await refresh(), 'refresh_token_reused');

  tokens = await logIn(world, ada);
  world.line.mute();
  expectProblem(await refresh(), 'database_unavailable');
  world.line.cut();
  world.line.restore();
  world.deps.clock.advance(11);
  expectProblem(await refresh(), 'refresh_token_reused');
});

test('another replica takes the retry of an answer that was lost for what it is', async () => {
  const replica = await createApp(world.deps);
  const refreshThere = () =>
    replica.inject({ method: 'POST', url: '/refresh-token', payload: { token: tokens.refresh_token } });
  try {
    await loseAnswer();
    world.deps.clock.advance(9);
    const again = await refreshThere();
    expect(again.statusCode, again.body).toBe(200);
    world.deps.clock.advance(2);
    expectProblem(await refreshThere(), 'refresh_token_reused');
  } finally {
    await replica.close();
  }
});

test('a retry that comes before the first try is through is one with it, however long that takes', async () => {
  const letGo = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const holder = world.deps.db.transaction(async tx => {
    await tx.run(sql`select from sessions for update`);
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  const first = refresh();
  await waitingForLock(world.deps.db);
  world.deps.clock.advance(25);
  const second = refresh();
  await sleep(50);
  letGo.resolve();
  await holder;
  const [one, other] = await Promise.all([first, second]);
  expect([one.statusCode, other.statusCode], other.body).toEqual([200, 200]);
  expect(one.json().refresh_token).toBe(other.json().refresh_token);
  world.deps.clock.advance(11);
  expectProblem(await refresh(), 'refresh_token_reused');
});

describe.skipIf(!hasRedisServer)('a logout whose answer was lost', () => {
  test('is in Redis all the same once the database answers again, for gateways that would go on admitting its token', async () => {
    const redis = await startRedis();
    const patience = { connectionMs: 2_000, statementMs: 2_000 };
    const service = await faultyApp({ redisUrl: redis.url }, { patience });
    const { cache, db } = service.deps;
    try {
      cache.refillFrom(() => liveRevocations({ ...service.deps, db: service.through }));
      const { access_token: token } = await logIn(service, await person(service));
      await expect.poll(() => redis.client.exists('{entrecore}:revoked:filled')).toBe(1);
      service.line.mute();
      expectProblem(await service.call('POST', '/logout', { token }), 'database_unavailable');
      service.line.cut();
      service.line.restore();
      // It is done, so the client that asks again is told that it was.
      const again = async () => (await service.call('POST', '/logout', { token })).json().code;
      await expect.poll(again, { timeout: 12_000 }).toBe('token_revoked');
      const session = await db.row<{ id: string }>(sql`select id from sessions where ended_at is not null`);
      const copy = () => redis.client.exists(`{entrecore}:revoked:sid:${session?.id}`);
      await expect.poll(copy, { timeout: 12_000 }).toBe(1);
    } finally {
      await service.close();
      await redis.close();
    }
  }, 60_000);
});
