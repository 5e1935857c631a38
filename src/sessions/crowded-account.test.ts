import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, person } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import type { Db, Sql, Tx } from '../platform/database.ts';
import { COMPANY, sql } from '../platform/sql.ts';
import { mayStillAct } from '../rbac/queries.ts';
import { forgetDevice, selectKnownDevice } from '../throttle/queries.ts';
import { findBearer, sessionStands } from './bearer-queries.ts';
import { logout } from './logout.ts';
import type { TokenPrincipal } from './principal.ts';
import { endSessionsOfUser } from './queries.ts';

// Of an account for which a robot logs in all the time. Everybody else has one session, on one device.
const ROBOTS = 500;
const OTHERS = 1500;

let service: TestApp;
let userId: string;
beforeAll(async () => {
  service = await testApp();
  const { db } = service.deps;
  const who = await person(service);
  userId = who.id;
  await logIn(service, who);
  await db.run(sql`
    insert into users (id, email, username, first_name, last_name, full_name, created_at, updated_at)
    select gen_random_uuid(), 'other' || n, 'other' || n, '', '', '', created_at, updated_at
    from users, generate_series(1, ${OTHERS}::int) as n where id = ${userId}::uuid`);
  await db.run(sql`
    insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, created_at)
    select gen_random_uuid(), owner.id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, s.created_at
    from sessions s, users owner, generate_series(1, ${ROBOTS}::int) as n
    where s.user_id = ${userId}::uuid and (owner.id = ${userId}::uuid or n = 1)`);
  await db.run(sql`
    insert into known_devices (id, user_id, name, created_at, last_seen_at)
    select id, user_id, 'Robot', created_at, created_at from sessions on conflict do nothing`);
  for (const table of [sql`users`, sql`sessions`, sql`known_devices`]) await db.run(sql`analyze ${table}`);
});
afterAll(() => service.close());

const session = () => ({ userId, sessionId: randomUUID(), jti: randomUUID() });

const asked = (sent: Sql, size: number): Db => ({
  ...service.deps.db,
  join: (joint, ask) =>
    sent.row(size === 1 ? joint.alone(ask) : joint.together(Array.from({ length: size }, () => ask))),
  read: (reading, ask) =>
    sent.row(size === 1 ? reading.alone(ask) : reading.together(Array.from({ length: size }, () => ask))),
});

const leave = (db: Db) => {
  const { sessionId: sid, jti } = session();
  const claims = { sub: userId, sid, jti } as TokenPrincipal['claims'];
  // What is explained answers nothing, as if the session had ended.
  return logout(
    { ...service.deps, db },
    { kind: 'token', claims, caller: { ip: '', userAgent: '', requestId: '' } },
  ).catch(() => null);
};

test.each<[string, (sent: Sql) => Promise<unknown>]>([
  ['a bearer check', sent => findBearer(asked(sent, 1), { ...session(), withPermissions: true })],
  [
    'a company of bearer checks',
    sent => findBearer(asked(sent, COMPANY), { ...session(), withPermissions: true }),
  ],
  ['a logout', sent => leave(asked(sent, 1))],
  ['a company of logouts', sent => leave(asked(sent, COMPANY))],
  ['an own account that is written', sent => sessionStands(sent as Tx, session())],
  ['a grant that is decided', sent => mayStillAct(sent as Tx, session())],
  [
    'one session that is ended',
    sent => endSessionsOfUser(sent, { ...session(), now: service.deps.clock.now(), reason: 'revoked' }),
  ],
  ['a device that logs in', sent => selectKnownDevice(sent, userId, [randomUUID()])],
  ['a device that is removed', sent => forgetDevice(sent, { userId, deviceId: randomUUID() })],
])('%s does not read all that the account has', async (_what, send) => {
  expect(await rowsRead(service.deps.db, send)).toBeLessThan(ROBOTS / 5);
});
