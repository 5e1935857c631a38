import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, person } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import type { Db, Sql } from '../platform/database.ts';
import { COMPANY, sql } from '../platform/sql.ts';
import { findBearer } from './bearer-queries.ts';
import { rotateSession } from './refresh-queries.ts';

// Few enough that PostgreSQL likes to read all of them.
const SESSIONS = 600;

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
  const who = await person(service);
  await logIn(service, who);
  await service.deps.db.run(sql`
    insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, created_at)
    select gen_random_uuid(), user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, created_at
    from sessions, generate_series(1, ${SESSIONS}::int) where user_id = ${who.id}::uuid`);
  await service.deps.db.run(sql`analyze sessions`);
});
afterAll(() => service.close());

/** A database whose one asker is a full company. */
const crowded = (explained: Sql): Db => ({
  ...service.deps.db,
  join: (joint, ask) => explained.row(joint.together(Array.from({ length: COMPANY }, () => ask))),
  read: (reading, ask) => explained.row(reading.together(Array.from({ length: COMPANY }, () => ask))),
});

test.each<[string, (db: Db) => Promise<unknown>]>([
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
    'bearer checks',
    db =>
      findBearer(db, {
        sessionId: randomUUID(),
        userId: randomUUID(),
        jti: randomUUID(),
        withPermissions: true,
      }),
  ],
])('a company of %s reads its own sessions alone', async (_what, send) => {
  expect(await rowsRead(service.deps.db, explained => send(crowded(explained)))).toBeLessThan(SESSIONS / 10);
});
