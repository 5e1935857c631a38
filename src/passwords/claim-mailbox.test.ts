import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, person } from '../../test/support/people.ts';
import { NEW, resets } from '../../test/support/resets.ts';
import { sql } from '../platform/sql.ts';
import { lockoutsOf, takeAttempt } from '../throttle/lockout.ts';
import { claimMailbox } from './claim-mailbox.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const { confirm, linkFor, logsIn } = resets(() => world);

test('the first proof of an unverified mailbox removes everything that was set before it, and verifies the address', async () => {
  const { deps } = world;
  const eve = await person(world, { verified: false });
  const { access_token } = await logIn(world, eve);
  const now = deps.clock.now();
  const make = (purpose: string) => sql`
    insert into challenges (id, purpose, user_id, secret_hash, created_at, expires_at)
    values (${deps.random.uuid()}::uuid, ${purpose}, ${eve.id}::uuid, ${deps.random.bytes(32)}::bytea,
      ${now}::timestamptz, ${new Date(now.getTime() + 1e9)}::timestamptz)`;
  await deps.db.run(sql`
    insert into factors (id, user_id, kind, credential, created_at, confirmed_at) values
      (${deps.random.uuid()}::uuid, ${eve.id}::uuid, 'passkey', '{"id": "planted"}', ${now}::timestamptz, ${now}::timestamptz)`);
  await deps.db.run(sql`
    insert into recovery_codes (id, user_id, code_hash, created_at)
    values (${deps.random.uuid()}::uuid, ${eve.id}::uuid, 'x', ${now}::timestamptz)`);
  await deps.db.run(sql`
    insert into identities (issuer, subject, user_id, provider, created_at)
    values ('https://issuer', 'eve', ${eve.id}::uuid, 'google', ${now}::timestamptz)`);
  await deps.db.run(sql`
    insert into password_history (id, user_id, hash, created_at)
    values (${deps.random.uuid()}::uuid, ${eve.id}::uuid, 'x', ${now}::timestamptz)`);
  await deps.db.run(
    sql`update users set pending_email = 'eve@evil.example', mfa_enabled = true where id = ${eve.id}::uuid`,
  );
  await deps.db.run(sql`
    insert into factor_removals (user_id, requested_at, due_at, requester_kind)
    values (${eve.id}::uuid, ${now}::timestamptz, ${now}::timestamptz, 'operator')`);
  for (const purpose of ['change-email', 'verify-email', 'oauth-code', 'undo-email-change']) {
    await deps.db.run(make(purpose));
  }

  const done = await confirm(await linkFor(eve));
  expect(done.statusCode, done.body).toBe(200);

  const [left] = await deps.db.rows(sql`
    select u.email_verified_at = ${now}::timestamptz as verified, u.pending_email, u.mfa_enabled,
      (select count(*) from sessions s where s.user_id = u.id and s.ended_at is null) as sessions,
      (select count(*) from factors where user_id = u.id) as factors,
      (select count(*) from factor_removals where user_id = u.id) as removals,
      (select count(*) from recovery_codes where user_id = u.id) as codes,
      (select count(*) from identities where user_id = u.id) as identities,
      (select count(*) from known_devices where user_id = u.id) as devices,
      (select count(*) from password_history where user_id = u.id) as history,
      (select count(*) from challenges c where c.user_id = u.id and c.consumed_at is null) as challenges
    from users u where id = ${eve.id}::uuid`);
  expect(left).toEqual({
    verified: true,
    pending_email: null,
    mfa_enabled: false,
    sessions: 0,
    factors: 0,
    removals: 0,
    codes: 0,
    identities: 0,
    devices: 0,
    history: 0,
    challenges: 0,
  });
  expect((await world.call('GET', '/users/me', { token: access_token })).statusCode).toBe(401);
  expect(await logsIn(eve, eve.password)).toBe(false);
  expect(await logsIn(eve, NEW)).toBe(true);
});

test('the first proof may set the very password that was there: whoever makes it did not choose that one', async () => {
  const ada = await person(world, { verified: false });
  const done = await confirm(await linkFor(ada), ada.password);
  expect(done.statusCode, done.body).toBe(200);
});

test('the first proof is not made by a token that came with password_expired, which no mail carried', async () => {
  const strict = await testApp({ passwords: { maxAgeDays: 30 } });
  try {
    const ada = await person(strict, { verified: false });
    strict.deps.clock.advance(31 * 86_400);
    const login = await strict.call('POST', '/token', {
      form: { username: ada.email, password: ada.password },
    });
    expect(login.statusCode).toBe(403);
    expect(login.json().code).toBe('password_expired');
    const used = await confirm(login.json().reset_token, ada.password, ada.password, strict);
    expect(used.json().detail[0].type).toBe('password_used_before');
    expect((await confirm(login.json().reset_token, NEW, NEW, strict)).statusCode).toBe(200);
    const row = await strict.deps.db.row(sql`select email_verified_at from users where id = ${ada.id}::uuid`);
    expect(row).toEqual({ email_verified_at: null });
    expect(await logsIn(ada, NEW, strict)).toBe(true);
  } finally {
    await strict.close();
  }
});

test('the first proof lifts a lock, which strangers or whoever made the account may have set', async () => {
  const { deps } = world;
  const ada = await person(world, { verified: false });
  for (let turn = 0; turn < 5; turn++) await takeAttempt(deps, deps.db, { userId: ada.id });
  await deps.db.transaction(tx =>
    claimMailbox(deps, tx, {
      account: ada,
      reason: 'provider',
      actor: { kind: 'user', id: ada.id },
      caller: { requestId: 'x', ip: '203.0.113.7', userAgent: '' },
    }),
  );
  expect(await lockoutsOf(deps.db, ada.id)).toEqual([]);
});
