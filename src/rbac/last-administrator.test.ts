import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { member, person } from '../../test/support/people.ts';
import { type Fragment, sql } from '../platform/sql.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const factor = (kind: string) => (id: Fragment, now: Fragment) =>
  sql`
  insert into factors (id, user_id, kind, credential, created_at, confirmed_at)
  values (gen_random_uuid(), ${id}, ${kind}, '{"id": "x"}', ${now}, ${now})`;

test.each<[string, number, boolean, (id: Fragment, now: Fragment) => Fragment]>([
  ['has a password', 200, true, id => sql`select ${id}`],
  // Before those who have none: what another has counts for nobody.
  [
    'has an account at a provider',
    200,
    false,
    (id, now) => sql`
      insert into identities (issuer, subject, user_id, provider, created_at)
      values ('https://issuer.example', 'heir', ${id}, 'google', ${now})`,
  ],
  ['is disabled', 409, true, (id, now) => sql`update users set disabled_at = ${now} where id = ${id}`],
  ['has a passkey', 200, false, factor('passkey')],
  ['has an authenticator app alone', 409, false, factor('totp')],
])('beside an administrator who %s, the other is answered %i', async (_what, status, hasPassword, change) => {
  const { db, clock } = world.deps;
  const heir = await person(world, { roles: ['admin'] });
  const id = sql`${heir.id}::uuid`;
  if (!hasPassword) await db.run(sql`delete from passwords where user_id = ${id}`);
  await db.run(change(id, sql`${clock.now()}::timestamptz`));
  const { who, token } = await member(world, { roles: ['admin'] });
  const demote = await world.call('PUT', `/users/${who.id}/roles`, { token, body: { roles: ['user'] } });
  expect(demote.statusCode, demote.body).toBe(status);
  await db.run(sql`delete from user_roles where role_name = 'admin'`);
});
