import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAccount } from '../src/accounts/create.ts';
import { erasePerson } from '../src/audit/personal-fields.ts';
import { recordEvent } from '../src/audit/record.ts';
import { Fragment, sql } from '../src/platform/sql.ts';
import { type TestApp, testApp } from './support/app.ts';

let world: TestApp;
let ada: string;
let adminToken: string;
let adaToken: string;
const password = 'Canary-horse-battery-1';

async function person(email: string, roles: string[]): Promise<string> {
  const { deps } = world;
  const account = await deps.db.transaction(tx =>
    createAccount(deps, tx, { email, firstName: 'Ada', lastName: 'Lovelace', roles }),
  );
  if (typeof account === 'string') throw new Error(account);
  await deps.db.run(sql`
    insert into passwords (user_id, hash, changed_at)
    values (${account.id}::uuid, ${await deps.hasher.hash(password)}, ${deps.clock.now()}::timestamptz)`);
  return account.id;
}

async function login(username: string, secret = password) {
  return world.call('POST', '/token', {
    form: { username, password: secret },
    headers: { 'user-agent': 'Firefox/1', 'x-request-id': 'req-1' },
    ip: '203.0.113.7',
  });
}

beforeAll(async () => {
  world = await testApp();
  await person('root@example.com', ['admin', 'user']);
  ada = await person('ada@example.com', ['user']);
  adminToken = (await login('root@example.com')).json().access_token;
  world.deps.clock.advance(1);
  adaToken = (await login('ada@example.com')).json().access_token;
  world.deps.clock.advance(1);
});
afterAll(() => world.close());

test('a login is in the trail with actor, subject, address, device and request (ASVS 16.2.1)', async () => {
  const answer = await world.call('GET', `/audit-events?user_id=${ada}`, { token: adminToken });
  expect(answer.statusCode, answer.body).toBe(200);
  const ofLogin = {
    id: expect.any(String),
    created_at: '2026-11-23T12:00:01.000Z',
    actor: { kind: 'user', id: ada },
    user_id: ada,
    session_id: expect.any(String),
    ip: '203.0.113.7',
    user_agent: 'Firefox/1',
    request_id: 'req-1',
    outcome: 'success',
    reason: null,
  };
  expect(answer.json()).toEqual({
    items: [
      { ...ofLogin, type: 'device.added', data: { device: expect.any(String) } },
      { ...ofLogin, type: 'login.succeeded', data: { amr: ['pwd'] } },
    ],
    next_cursor: null,
  });
});

test('the trail needs audit:read, and its refusal is itself an event (ASVS 16.3.2)', async () => {
  const refused = await world.call('GET', '/audit-events', { token: adaToken });
  expect(refused.statusCode).toBe(403);
  const events = await world.call('GET', '/audit-events?type=permission.denied', { token: adminToken });
  expect(events.json().items).toMatchObject([{ outcome: 'refusal', user_id: ada }]);
});

test('filters and pages give every event once, the newest first', async () => {
  for (let index = 0; index < 5; index++) {
    await recordEvent(world.deps, world.deps.db, {
      type: 'user.updated',
      outcome: 'success',
      actor: { kind: 'operator' },
      userId: ada,
      caller: null,
      data: { index },
    });
    // Two share an instant: the id decides.
    if (index % 2 === 0) world.deps.clock.advance(60);
  }
  const seen: number[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await world.call(
      'GET',
      `/audit-events?type=user.updated&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      { token: adminToken },
    );
    expect(page.statusCode, page.body).toBe(200);
    expect(page.json().items.length).toBeLessThanOrEqual(2);
    seen.push(...page.json().items.map((item: { data: { index: number } }) => item.data.index));
    cursor = page.json().next_cursor;
  }
  expect(seen.at(-1)).toBe(0);
  expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);

  const between = await world.call(
    'GET',
    '/audit-events?type=user.updated&from=2026-11-23T12:01:02Z&to=2026-11-23T12:02:02Z',
    { token: adminToken },
  );
  expect(
    between
      .json()
      .items.map((item: { data: { index: number } }) => item.data.index)
      .toSorted(),
    between.body,
  ).toEqual([1, 2]);
  const broken = await world.call('GET', '/audit-events?cursor=junk', { token: adminToken });
  expect(broken.statusCode).toBe(422);
  expect(broken.json().detail[0].loc).toEqual(['query', 'cursor']);
});

test('a user sees their own history, without the address of an administrator who acted', async () => {
  await recordEvent(world.deps, world.deps.db, {
    type: 'user.unlocked',
    outcome: 'success',
    actor: { kind: 'user', id: world.deps.random.uuid() },
    userId: ada,
    caller: { requestId: 'r', ip: '198.51.100.1', userAgent: 'Admin' },
  });
  const answer = await world.call('GET', '/users/me/activity?limit=200', { token: adaToken });
  const { items } = answer.json();
  expect(new Set(items.map((item: { user_id: string }) => item.user_id))).toEqual(new Set([ada]));
  expect(items.find((item: { type: string }) => item.type === 'user.unlocked')).toMatchObject({
    ip: null,
    user_agent: null,
  });
  expect(items.find((item: { type: string }) => item.type === 'login.succeeded').ip).toBe('203.0.113.7');
});

test('no password or token is in any event, sealed fields included (ASVS 16.2.5)', async () => {
  const wrong = 'Canary-wrong-guess-7';
  const tokens = (await login('ada@example.com')).json();
  await login('ada@example.com', wrong);
  await login('nobody@example.com', wrong);
  await world.call('POST', '/refresh-token', { body: { refresh_token: tokens.refresh_token } });
  await world.call('POST', '/logout', { token: tokens.access_token });
  const trail = await world.call('GET', '/audit-events?limit=200', { token: adminToken });
  expect(trail.json().items.length).toBeGreaterThan(8);
  expect(trail.body).toContain('nobody@example.com');
  for (const secret of [password, wrong, tokens.access_token, tokens.refresh_token, tokens.device_token]) {
    expect(secret.length).toBeGreaterThan(15);
    expect(trail.body).not.toContain(secret);
  }
  const stored = JSON.stringify(
    await world.deps.db.rows(sql`select data, reason, request_id from audit_events`),
  );
  for (const personal of ['203.0.113.7', 'Firefox/1', 'example.com']) expect(stored).not.toContain(personal);
});

test('an erased person leaves events that nobody can read the personal part of, and no new key', async () => {
  const { deps } = world;
  const grace = await person('grace@example.com', ['user']);
  await login('grace@example.com');
  await deps.db.transaction(tx => erasePerson(deps, tx, grace));
  await recordEvent(deps, deps.db, {
    type: 'user.deleted',
    outcome: 'success',
    actor: { kind: 'system' },
    userId: grace,
    caller: { requestId: 'later', ip: '203.0.113.9', userAgent: 'later' },
  });
  const answer = await world.call('GET', `/audit-events?user_id=${grace}`, { token: adminToken });
  expect(answer.json().items).toMatchObject([
    { type: 'user.deleted', ip: null, user_agent: null, data: {} },
    { type: 'device.added', ip: null, user_agent: null },
    { type: 'login.succeeded', ip: null, user_agent: null },
  ]);
  expect(
    await deps.db.row(sql`select secret, key_sealed from audit_keys where user_id = ${grace}::uuid`),
  ).toEqual({
    secret: null,
    key_sealed: null,
  });
});

test('a rollback takes its event along, and a key made in it is not used again', async () => {
  const { deps } = world;
  const id = deps.random.uuid();
  const event = {
    type: 'user.created',
    outcome: 'success',
    actor: { kind: 'operator' },
    userId: id,
    caller: { requestId: 'gone', ip: '203.0.113.1', userAgent: '' },
  } as const;
  await expect(
    deps.db.transaction(async tx => {
      await recordEvent(deps, tx, event);
      await recordEvent(deps, tx, event);
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  await recordEvent(deps, deps.db, { ...event, caller: { ...event.caller, ip: '203.0.113.2' } });
  const answer = await world.call('GET', `/audit-events?user_id=${id}`, { token: adminToken });
  expect(answer.json().items.map((item: { ip: string }) => item.ip)).toEqual(['203.0.113.2']);
});

test('the trail refuses UPDATE, DELETE and TRUNCATE, in every partition', async () => {
  const { db } = world.deps;
  const appendOnly = { code: '42501', message: expect.stringContaining('append-only') };
  await expect(db.run(sql`update audit_events set reason = 'x'`)).rejects.toMatchObject(appendOnly);
  await expect(db.run(sql`delete from audit_events`)).rejects.toMatchObject(appendOnly);
  await expect(db.run(sql`truncate audit_events`)).rejects.toMatchObject(appendOnly);
  const partitions = await db.rows<{ name: string }>(
    sql`select inhrelid::regclass::text as name from pg_inherits where inhparent = 'audit_events'::regclass`,
  );
  expect(partitions.length).toBeGreaterThan(2);
  for (const { name } of partitions)
    await expect(db.run(new Fragment([`truncate ${name}`], []))).rejects.toMatchObject(appendOnly);
  await expect(db.run(sql`truncate audit_batches`)).rejects.toMatchObject(appendOnly);
});
