import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, person } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import type { Db, Sql } from '../platform/database.ts';
import { COMPANY, sql } from '../platform/sql.ts';
import { findBearer } from './bearer-queries.ts';
import { logout } from './logout.ts';
import type { TokenPrincipal } from './principal.ts';
import { rotateSession } from './refresh-queries.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
  await logIn(service, await person(service));
});
afterAll(() => service.close());

async function haveSessions(count: number): Promise<void> {
  const { db } = service.deps;
  await db.run(sql`
    insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, created_at)
    select gen_random_uuid(), user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, created_at
    from (select * from sessions limit 1) as s, generate_series(1, ${count}::int - (select count(*)::int from sessions))`);
  await db.run(sql`analyze sessions`);
}

/** A database whose one asker is a full company. */
const crowded = (explained: Sql): Db => ({
  ...service.deps.db,
  join: (joint, ask) => explained.row(joint.together(Array.from({ length: COMPANY }, () => ask))),
  read: (reading, ask) => explained.row(reading.together(Array.from({ length: COMPANY }, () => ask))),
});

const companies: [string, (db: Db) => Promise<unknown>][] = [
  [
    'refreshes',
    db =>
      rotateSession(db, {
        sessionId: randomUUID(),
        generation: 0,
        seedHash: randomBytes(32),
        now: service.deps.clock.now(),
        idleUntil: service.deps.clock.now(),
      }),
  ],
  [
    'logouts',
    db =>
      // What is explained answers nothing, as if the session had ended.
      logout(
        { ...service.deps, db },
        {
          kind: 'token',
          claims: { sub: randomUUID(), sid: randomUUID(), jti: randomUUID() } as TokenPrincipal['claims'],
          caller: { ip: '', userAgent: '', requestId: '' },
        },
      ).catch(() => null),
  ],
  [
    'bearer checks',
    db =>
      findBearer(db, {
        sessionId: randomUUID(),
        userId: randomUUID(),
        jti: randomUUID(),
        withPermissions: true,
      }),
  ],
];

// Few enough that PostgreSQL likes to read all of them: rather than ten by their place, or than ten by their id.
describe.each([150, 600])('where there are %i sessions', count => {
  beforeAll(() => haveSessions(count));
  test.each(companies)('a company of %s reads its own alone', async (_what, send) => {
    expect(await rowsRead(service.deps.db, explained => send(crowded(explained)))).toBeLessThan(count / 10);
  });
});
