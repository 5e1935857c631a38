import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, person } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import type { Tx } from '../platform/database.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { endSessionsOf, publishEnded } from './end.ts';
import { endSessionsOfUser } from './queries.ts';

const ROBOT_LOGINS = 2_500;

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

/** Somebody who is logged in, and whose robot has logged in for each of its requests. */
async function withManySessions() {
  const who = await person(service);
  const { access_token } = await logIn(service, who);
  await service.deps.db.run(sql`
    insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr,
      created_at)
    select gen_random_uuid(), user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr,
      created_at
    from sessions, generate_series(1, ${ROBOT_LOGINS}::int) where user_id = ${who.id}::uuid`);
  await service.deps.db.run(sql`analyze sessions`);
  return { userId: who.id, token: access_token };
}

test('a session ends once: whoever ends it again finds none, and the trail keeps why it ended', async () => {
  const { call, deps } = service;
  const who = await person(service);
  const [token, other] = [(await logIn(service, who)).access_token, (await logIn(service, who)).access_token];
  const [first, second] = [token, other].map(
    text => JSON.parse(Buffer.from(text.split('.')[1] as string, 'base64url').toString()).sid,
  );
  const end = async () => (await call('DELETE', `/users/me/sessions/${second}`, { token })).statusCode;
  expect([await end(), await end()]).toEqual([204, 404]);
  expect((await call('POST', '/logout/all', { token })).statusCode).toBe(200);
  const ends = await deps.db.rows(sql`
    select s.id, s.end_reason, array(select e.reason from audit_events e
      where e.session_id = s.id and e.type = 'session.ended') as told
    from sessions s where s.user_id = ${who.id}::uuid order by s.id`);
  expect(ends).toEqual([
    { id: first, end_reason: 'logout_everywhere', told: ['logout_everywhere'] },
    { id: second, end_reason: 'ended_by_user', told: ['ended_by_user'] },
  ]);
});

test('thousands of sessions end in a few statements, each with its event', async () => {
  const { deps } = service;
  const { userId } = await withManySessions();
  let statements = 0;
  const counting = (tx: Tx): Tx => {
    const count = (statement: Fragment) => {
      statements += 1;
      return statement;
    };
    return {
      ...tx,
      rows: statement => tx.rows(count(statement)),
      run: statement => tx.run(count(statement)),
    };
  };
  const ended = await deps.db.transaction(tx =>
    endSessionsOf(deps, counting(tx), {
      userId,
      reason: 'administrator',
      actor: { kind: 'operator' },
      caller: { ip: '127.0.0.1', userAgent: 'a browser', requestId: deps.random.uuid() },
    }),
  );
  expect(ended).toHaveLength(ROBOT_LOGINS + 1);
  expect(statements).toBeLessThan(20);
  const told = await deps.db.row<{ sessions: number; events: number }>(sql`
    select count(*) as events, count(distinct session_id) as sessions from audit_events
    where user_id = ${userId}::uuid and type = 'session.ended' and reason = 'administrator'
      and personal_sealed is not null`);
  expect(told).toEqual({ sessions: ended.length, events: ended.length });
});

test('Redis is told of thousands of ends a few at a time', async () => {
  let underWay = 0;
  let most = 0;
  const told = new Set<string>();
  const cache = {
    ...service.deps.cache,
    async publishRevocation(_kind: string, id: string) {
      told.add(id);
      most = Math.max(most, ++underWay);
      await new Promise(setImmediate);
      underWay -= 1;
    },
  };
  const ended = Array.from({ length: ROBOT_LOGINS }, (_, n) => ({ id: String(n) }));
  await publishEnded({ ...service.deps, cache }, ended);
  expect(told.size).toBe(ROBOT_LOGINS);
  expect(most).toBeLessThanOrEqual(200);
});

test('the end of one session reads one, however many its account has', async () => {
  const { userId, token } = await withManySessions();
  const { sid } = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString());
  const reads = await rowsRead(service.deps.db, explained =>
    endSessionsOfUser(explained, {
      userId,
      sessionId: sid,
      now: service.deps.clock.now(),
      reason: 'ended_by_user',
    }),
  );
  expect(reads).toBeLessThan(5);
});
