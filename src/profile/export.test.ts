import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { acceptInvitation, type Member, member } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { watchedDatabase } from '../../test/support/watched-database.ts';
import { findEvents } from '../audit/read-queries.ts';
import { sql } from '../platform/sql.ts';
import { authenticate } from '../sessions/authenticate.ts';
import { exportOwnData } from './export.ts';
import { LONG_LISTS, selectIds, selectTold } from './queries.ts';

const MANY = 5_000;

let world: TestApp;
let ada: Member;
beforeAll(async () => {
  world = await testApp();
  ada = await member(world);
  await world.deps.db.run(sql`
    insert into audit_events (id, created_at, type, outcome, actor_kind, actor_id, user_id, request_id, data)
    select gen_random_uuid(), ${world.deps.clock.now()}::timestamptz - n * interval '1 s', 'user.updated', 'success', 'user',
      ${ada.who.id}::uuid, ${ada.who.id}::uuid, gen_random_uuid(), '{"changed": ["first_name"]}'
    from generate_series(1, ${MANY}::int) as n`);
});
afterAll(() => world.close());

async function principalOf(deps: TestApp['deps'], { token }: Member) {
  const caller = { requestId: 'r', ip: '127.0.0.1', userAgent: '' };
  const principal = await authenticate(deps, token, caller, { access: 'user', recent: false });
  if (principal.kind !== 'user') throw new Error(principal.kind);
  return principal;
}

const ask = () => world.call('GET', '/users/me/export', { token: ada.token });

test('a history of thousands of events is told whole, each event once, the newest first', async () => {
  const answer = await ask();
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([
    200,
    'application/json; charset=utf-8',
  ]);
  expect(answer.headers['content-disposition']).toBe('attachment; filename="account.json"');
  const { activity, ...told } = answer.json<{ activity: { id: string; created_at: string }[] }>();
  expect(Object.keys(told)).toEqual([
    'exported_at',
    'user',
    'names',
    'roles',
    'password',
    'former_passwords',
    'factors',
    'factor_removal',
    'recovery_codes',
    'identities',
    'lockouts',
    'sessions',
    'devices',
    'challenges',
    'messages',
    'acts',
  ]);
  const stored = await world.deps.db.rows<{ id: string }>(
    sql`select id from audit_events where user_id = ${ada.who.id}::uuid order by created_at desc, id desc`,
  );
  expect(stored.length).toBeGreaterThan(MANY);
  expect(activity.map(({ id }) => id)).toEqual(stored.map(({ id }) => id));
});

test('thousands of sessions, devices, links and messages are told whole, a page of each at a time', async () => {
  const { deps } = world;
  const robot = await member(world);
  const { db, statements } = watchedDatabase(deps.databaseUrl);
  const watched = { ...deps, db };
  const at = sql`${deps.clock.now()}::timestamptz - n * interval '1 s'`;
  const source = sql`generate_series(1, ${MANY}::int) as n`;
  const [id, owner] = [sql`gen_random_uuid()`, sql`${robot.who.id}::uuid`];
  await db.run(sql`
    insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr,
      created_at)
    select ${id}, ${owner}, '', '', ${at}, ${at}, ${at}, ${at}, '{pwd}', ${at} from ${source}`);
  await db.run(sql`
    insert into known_devices (id, user_id, name, created_at, last_seen_at)
    select ${id}, ${owner}, 'robot', ${at}, ${at} from ${source}`);
  await db.run(sql`
    insert into challenges (id, purpose, user_id, secret_hash, created_at, expires_at)
    select ${id}, 'mfa', ${owner}, sha256(n::text::bytea), ${at}, ${at} from ${source}`);
  await db.run(sql`
    insert into outbox (id, channel, template, recipient, user_id, created_at, next_attempt_at)
    select ${id}, 'mail', 'sign-in', 'robot@example.com', ${owner}, ${at}, ${at} from ${source}`);

  await db.run(sql`analyze sessions, known_devices, challenges, outbox`);
  for (const list of LONG_LISTS) {
    const ids = (await selectIds(db, list, robot.who.id)).slice(0, 10);
    expect(await rowsRead(db, explained => selectTold(explained, list, ids))).toBeLessThan(50);
  }

  const document = await exportOwnData(watched, await principalOf(watched, robot));
  statements.length = 0;
  const chunks: string[] = await document.toArray();
  const told = JSON.parse(chunks.join(''));
  await db.close();
  for (const [list, more] of Object.entries({ sessions: 1, devices: 1, challenges: 0, messages: 0 })) {
    const times: string[] = told[list].map((item: { created_at: string }) => item.created_at);
    expect([list, times.length, times]).toEqual([list, MANY + more, times.toSorted()]);
  }
  expect(statements.length).toBeGreaterThan(40);
  expect(Math.max(...chunks.map(chunk => chunk.length))).toBeLessThan(250_000);
});

test('what a waiting mail is told is told in snake_case, as all JSON is (http-api.md, Conventions)', async () => {
  const { who, token } = await member(world);
  const moved = await world.call('PUT', '/users/me', { token, body: { email: 'elsewhere@example.com' } });
  expect(moved.statusCode, moved.body).toBe(200);
  await world.deps.db.run(sql`
    update outbox set params = params || '{"userAgent": "curl/8", "newEmail": "elsewhere@example.com"}'
    where user_id = ${who.id}::uuid and template = 'email-change-notice'`);
  const { messages } = (await world.call('GET', '/users/me/export', { token })).json();
  const notice = messages.find(({ template }: { template: string }) => template === 'email-change-notice');
  expect(notice.params).toMatchObject({ user_agent: 'curl/8', new_email: 'elsewhere@example.com' });
  expect(messages.flatMap(({ params }: { params: object }) => Object.keys(params)).join()).not.toMatch(
    /[A-Z]/,
  );
});

test('every table that stores something of a person is told: a new one belongs into the export', async () => {
  const rows = await world.deps.db.rows<{ name: string }>(sql`
    select conrelid::regclass::text as name from pg_constraint
    where contype = 'f' and confrelid = 'users'::regclass order by 1`);
  expect(rows.map(({ name }) => name)).toEqual([
    'challenges',
    'factor_removals',
    'factors',
    'identifiers',
    'identities',
    'known_devices',
    'lockouts',
    'outbox',
    'password_history',
    'passwords',
    'recovery_codes',
    'sessions',
    'user_roles',
  ]);
});

test('a passkey and a planned removal of factors are told as they are stored', async () => {
  const { db, clock } = world.deps;
  const { who, token } = await member(world);
  const now = clock.now();
  const credential = { id: 'c', public_key: 'k', counter: 3, transports: ['usb'], aaguid: 'a' };
  await db.run(sql`
    insert into factors (id, user_id, kind, name, credential, created_at, confirmed_at)
    values (gen_random_uuid(), ${who.id}::uuid, 'passkey', 'Mine', ${JSON.stringify(credential)}::jsonb, ${now}, ${now})`);
  await db.run(
    sql`insert into factor_removals (user_id, requested_at, due_at) values (${who.id}::uuid, ${now}, ${now})`,
  );
  const told = (await world.call('GET', '/users/me/export', { token })).json();
  expect(told.factors).toEqual([expect.objectContaining({ name: 'Mine', credential })]);
  expect(told.factor_removal).toEqual({ requested_at: now.toISOString(), due_at: now.toISOString() });
});

test('what somebody did to others is told too, but neither to whom nor from where it came', async () => {
  const { deps } = world;
  const admin = await member(world, { roles: ['admin'] });
  const invited = 'grace@invited.example';
  const change = { token: admin.token, body: { first_name: 'Lin' } };
  expect((await world.call('PATCH', `/users/${ada.who.id}`, change)).statusCode).toBe(200);
  await world.call('POST', '/invitations', { token: admin.token, body: { email: invited, roles: ['user'] } });
  const [mail] = await mailsTo(world, invited);
  // The event that grants her role is the administrator's act, and has her address.
  expect((await acceptInvitation(world, String(mail?.secrets.token))).statusCode).toBe(201);
  const answer = await world.call('GET', '/users/me/export', { token: admin.token });
  const acts: { type: string; created_at: string }[] = answer.json().acts;
  expect(acts.map(({ type }) => type)).toEqual(['role.granted', 'invitation.sent', 'user.updated']);
  expect(acts.at(-1)).toEqual({
    id: expect.any(String),
    type: 'user.updated',
    created_at: expect.any(String),
    outcome: 'success',
    reason: null,
  });
  expect(answer.body).not.toContain(ada.who.id);
  expect((await ask()).json().acts).toEqual([]);

  await deps.db.run(sql`analyze audit_events`);
  const first = { filter: { actsOf: admin.who.id }, after: null, limit: 500 };
  expect(await rowsRead(deps.db, explained => findEvents(explained, first))).toBeLessThan(50);
});

test('of several at once one is told, and the others when to come back', async () => {
  const answers = await Promise.all([ask(), ask(), ask()]);
  expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 429, 429]);
  const refused = answers.find(({ statusCode }) => statusCode === 429);
  expect([refused?.json().code, refused?.headers['retry-after']]).toEqual(['rate_limited', '10']);
  expect((await ask()).statusCode).toBe(200);
});

test('no more of the history is read than the reader takes, and a reader who leaves may ask again', async () => {
  const { deps } = world;
  const { db, statements } = watchedDatabase(deps.databaseUrl);
  const watched = { ...deps, db };
  const principal = await principalOf(watched, ada);
  const pages = () => statements.filter(text => text.includes('from audit_events e')).length;

  const document = await exportOwnData(watched, principal);
  await once(document, 'readable');
  document.read(1);
  for (let turn = 0; turn < 30; turn++) await deps.db.row(sql`select 1 as one`);
  expect(pages()).toBeLessThanOrEqual(2);
  await expect(exportOwnData(watched, principal)).rejects.toMatchObject({ code: 'rate_limited' });

  document.destroy();
  await once(document, 'close');
  const again = await exportOwnData(watched, principal);
  const text = (await again.toArray()).join('');
  expect(JSON.parse(text).activity.length).toBeGreaterThan(MANY);
  expect(pages()).toBeGreaterThan(10);
  await db.close();
});

test('over a socket, a reader who leaves in the middle leaves nothing behind', async () => {
  const address = await world.app.listen({ port: 0, host: '127.0.0.1' });
  const headers = { authorization: `Bearer ${ada.token}` };
  const leaving = new AbortController();
  const answer = await fetch(`${address}/users/me/export`, { headers, signal: leaving.signal });
  expect(answer.status).toBe(200);
  await answer.body?.getReader().read();
  leaving.abort();
  let status = 0;
  while (status !== 200) {
    status = (await ask()).statusCode;
    expect([200, 429]).toContain(status);
  }
});
