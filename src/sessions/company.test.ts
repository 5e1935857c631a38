import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, person, type Tokens } from '../../test/support/people.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { sql } from '../platform/sql.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const refresh = (refresh_token: string) =>
  service.call('POST', '/refresh-token', { body: { refresh_token } });
const logout = (token: string) => service.call('POST', '/logout', { token });
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString());

/** So many people, each logged in. */
const crowd = (size: number) =>
  Promise.all(
    Array.from({ length: size }, async () => {
      const who = await person(service);
      return { who, tokens: await logIn(service, who) };
    }),
  );

/** Why a session ended, as its owner's export has it. */
const endOf = (sid: string) =>
  service.deps.db.row(sql`select end_reason from sessions where id = ${sid}::uuid`);

/** Runs `work`; how many transactions wrote sessions meanwhile. */
async function commits(work: () => Promise<unknown>): Promise<number> {
  const writers = async () =>
    new Set(
      (await service.deps.db.rows<{ xmin: string }>(sql`select xmin::text from sessions`)).map(
        ({ xmin }) => xmin,
      ),
    );
  const before = await writers();
  await work();
  return [...(await writers())].filter(xmin => !before.has(xmin)).length;
}

test.each([
  ['refreshes', ({ refresh_token }: Tokens) => refresh(refresh_token)],
  ['logouts', ({ access_token }: Tokens) => logout(access_token)],
])('%s wait for nobody whose session another transaction has locked', async (_what, send) => {
  const people = await crowd(4);
  const { db } = service.deps;
  const [holds, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = db.transaction(async tx => {
    await tx.row(sql`select from sessions where user_id = ${people[0]?.who.id}::uuid for update`);
    holds.resolve();
    await release.promise;
  });
  await holds.promise;
  const [waits, ...others] = people.map(({ tokens }) => send(tokens));
  const answers = Promise.all(others);
  await waitingForLock(db);
  expect((await answers).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  release.resolve();
  await holder;
  expect((await waits)?.statusCode).toBe(200);
});

describe('refreshes that arrive together', () => {
  test('share commits, and each gets the tokens of its own session', async () => {
    const people = await crowd(12);
    await service.call('POST', '/logout', { token: people[3]?.tokens.access_token ?? '' });
    const answers = await Promise.all(people.map(({ tokens }) => refresh(tokens.refresh_token)));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(people.map((_, n) => (n === 3 ? 401 : 200)));
    for (const [n, { who, tokens }] of people.entries()) {
      if (n === 3) continue;
      const [before, after] = [tokens.access_token, answers[n]?.json().access_token].map(claimsOf);
      expect(after).toMatchObject({
        sub: who.id,
        sid: before.sid,
        auth_time: before.auth_time,
        roles: ['user'],
      });
    }
    const seconds = answers.filter(({ statusCode }) => statusCode === 200).map(answer => answer.json());
    const again = () =>
      Promise.all(seconds.map(async ({ refresh_token }) => (await refresh(refresh_token)).statusCode));
    expect(await commits(async () => expect(await again()).toEqual(seconds.map(() => 200)))).toBeLessThan(6);
  });

  test('of one token get one successor, among those of others', async () => {
    const [ada, bob, eve] = (await crowd(3)).map(({ tokens }) => tokens.refresh_token) as [
      string,
      string,
      string,
    ];
    const answers = await Promise.all([ada, bob, ada, eve, ada].map(refresh));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200, 200]);
    const [first, second, third] = [0, 2, 4].map(n => answers[n]?.json().refresh_token);
    expect([second, third]).toEqual([first, first]);
  });

  test('say nothing of each other: theft, expiry and a disabled account are judged one by one', async () => {
    const [thief, late, disabled, fine] = await crowd(4);
    const stale = thief?.tokens.refresh_token ?? '';
    const newer = (await refresh(stale)).json().refresh_token;
    await refresh(newer);
    await service.deps.db.run(
      sql`update users set disabled_at = ${service.deps.clock.now()} where id = ${disabled?.who.id}::uuid`,
    );
    await service.deps.db.run(
      sql`update sessions set idle_expires_at = ${service.deps.clock.now()} where user_id = ${late?.who.id}::uuid`,
    );
    const answers = await Promise.all(
      [stale, late?.tokens.refresh_token, disabled?.tokens.refresh_token, fine?.tokens.refresh_token].map(
        token => refresh(token ?? ''),
      ),
    );
    expect(answers.map(answer => answer.json().code ?? 200)).toEqual([
      'refresh_token_reused',
      'invalid_refresh_token',
      'invalid_refresh_token',
      200,
    ]);
  });
});

// Under HS256 sibling services hold the key.
test('a token that names another person than its session does lets nobody in, alone or in company', async () => {
  const [ada, bob] = (await crowd(2)).map(({ tokens }) => tokens.access_token) as [string, string];
  const mixed = service.deps.keys.sign({ ...claimsOf(ada), sid: claimsOf(bob).sid });
  const codes = async (tokens: string[]) => {
    const answers = await Promise.all(tokens.map(token => service.call('GET', '/users/me', { token })));
    return answers.map(answer => answer.json().code ?? 200);
  };
  expect(await codes([mixed])).toEqual(['invalid_token']);
  expect(await codes([ada, mixed, bob])).toEqual([200, 'invalid_token', 200]);
});

describe('logouts that arrive together', () => {
  test('share commits; each ends its own session, with an event of its own', async () => {
    const people = await crowd(12);
    const tokens = people.map(({ tokens }) => tokens.access_token);
    expect(
      await commits(async () => {
        const answers = await Promise.all(tokens.map(logout));
        expect(answers.map(({ statusCode }) => statusCode)).toEqual(tokens.map(() => 200));
      }),
    ).toBeLessThan(6);
    for (const { tokens } of people) {
      const { sub, sid } = claimsOf(tokens.access_token);
      const events = await service.deps.db.rows(
        sql`select user_id, actor_id, reason, outcome from audit_events where session_id = ${sid}::uuid and type = 'session.ended'`,
      );
      expect(events).toEqual([{ user_id: sub, actor_id: sub, reason: 'logout', outcome: 'success' }]);
      expect(await endOf(sid)).toEqual({ end_reason: 'logout' });
      expect((await service.call('GET', '/users/me', { token: tokens.access_token })).statusCode).toBe(401);
    }
  });

  test('of one session end it once, and a token that was revoked by itself ends nothing', async () => {
    const [ada, bob, eve] = (await crowd(3)).map(({ tokens }) => tokens.access_token) as [
      string,
      string,
      string,
    ];
    await service.deps.db.run(
      sql`insert into revoked_tokens (jti, expires_at) values (${claimsOf(bob).jti}::uuid, ${new Date(Date.UTC(2027, 1))})`,
    );
    const answers = await Promise.all([ada, bob, ada, eve].map(logout));
    const verdicts = answers.map(answer => answer.json().code ?? 200);
    expect([verdicts[1], verdicts[3]]).toEqual(['token_revoked', 200]);
    expect([verdicts[0], verdicts[2]]).toEqual(expect.arrayContaining([200, 'token_revoked']));
    const events = await service.deps.db.rows(
      sql`select session_id from audit_events where type = 'session.ended' and session_id = any(${[ada, bob, eve].map(token => claimsOf(token).sid)}::uuid[])`,
    );
    expect(events.length).toBe(2);
  });

  // Under HS256 sibling services hold the key.
  test('end no session of somebody else than the token says, alone or in company', async () => {
    const people = await crowd(4);
    const [ada, bob, ...others] = people.map(({ tokens }) => tokens.access_token) as [
      string,
      string,
      ...string[],
    ];
    const mixed = service.deps.keys.sign({ ...claimsOf(ada), sid: claimsOf(bob).sid });
    const codes = async (tokens: string[]) =>
      (await Promise.all(tokens.map(logout))).map(answer => answer.json().code ?? 200);
    expect(await codes([mixed])).toEqual(['token_revoked']);
    expect(await codes([others[0] ?? '', mixed, others[1] ?? ''])).toEqual([200, 'token_revoked', 200]);
    expect(await codes([ada])).toEqual([200]);
    expect(await codes([bob])).toEqual([200]);
    expect(await endOf(claimsOf(bob).sid)).toEqual({ end_reason: 'logout' });
  });

  test('wait for nobody whose secret of the audit trail another transaction is making or erasing', async () => {
    const people = await crowd(4);
    const [held, ...others] = people as [(typeof people)[number], ...typeof people];
    const { db } = service.deps;
    // As an account of before keys were in shares has none: its next event makes it.
    await db.run(
      sql`update audit_keys set secret = null, key_sealed = '\\x01' where user_id = ${held.who.id}::uuid`,
    );
    const [holds, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holder = db.transaction(async tx => {
      await tx.row(sql`select from audit_keys where user_id = ${held.who.id}::uuid for update`);
      holds.resolve();
      await release.promise;
    });
    await holds.promise;
    const waits = logout(held.tokens.access_token);
    const answers = Promise.all(others.map(({ tokens }) => logout(tokens.access_token)));
    await waitingForLock(db);
    expect((await answers).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    release.resolve();
    await holder;
    expect([await waits].map(({ statusCode }) => statusCode)).toEqual([200]);
  });
});
