import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { signedIn } from '../../test/support/person.ts';
import { sql } from '../platform/sql.ts';
import { readBasic } from './authenticate.ts';

let world: TestApp;
let admin: string;
let lesser: string;
beforeAll(async () => {
  world = await testApp();
  admin = (await signedIn(world, 'clients:read', 'clients:write', 'tokens:introspect', 'users:read'))
    .accessToken;
  lesser = (await signedIn(world, 'clients:read', 'clients:write')).accessToken;
});
afterAll(() => world.close());

let names = 0;
const create = (permissions: string[], token = admin, name = `client ${names++}`) =>
  world.call('POST', '/clients', { token, body: { name, permissions } });
const introspectAs = ({ id }: { id: string }, secret: string) =>
  world.call('POST', '/introspect', {
    form: { token: 'x' },
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
  });

test('a client is made with a secret that is told once and stored as its SHA-256', async () => {
  const made = await create(['tokens:introspect'], admin, ' billing ');
  expect(made.statusCode).toBe(201);
  expect(made.headers['cache-control']).toBe('no-store');
  const client = made.json();
  expect(client).toEqual({
    id: expect.stringMatching(/^[\da-f-]{36}$/),
    name: 'billing',
    permissions: ['tokens:introspect'],
    created_at: '2026-11-23T12:00:00.000Z',
    last_used_at: null,
    previous_secret_expires_at: null,
    secret: expect.stringMatching(/^ecs_[\w-]{43}$/),
  });
  const row = await world.deps.db.row<{ whole: string }>(
    sql`select clients::text as whole from clients where id = ${client.id}`,
  );
  expect(row?.whole).not.toContain(client.secret);
  expect((await introspectAs(client, client.secret)).statusCode).toBe(200);
  expect((await create([], admin, 'billing')).json().code).toBe('client_exists');
  const refusals = await world.deps.db.rows(sql`
    select type, data ->> 'name' as name from audit_events where reason = 'client_exists'`);
  expect(refusals).toEqual([{ type: 'client.created', name: 'billing' }]);
});

test('nobody gives a client what they do not hold, and only holders of clients:write make one', async () => {
  const refused = await create(['tokens:introspect'], lesser);
  expect([refused.statusCode, refused.json()]).toMatchObject([
    403,
    { code: 'grant_exceeds_own', permissions: ['tokens:introspect'] },
  ]);
  const nobody = (await signedIn(world)).accessToken;
  expect((await create([], nobody)).json()).toMatchObject({
    code: 'permission_denied',
    permission: 'clients:write',
  });
  expect(
    (await world.call('POST', '/clients', { token: admin, body: { name: 'x', secret: 'mine' } })).statusCode,
  ).toBe(422);
  expect((await create([], admin, '   ')).statusCode).toBe(422);
});

test('the name of a client has nothing that a terminal or a log would act on', async () => {
  const answer = await create([], admin, 'billing\u001b[2J');
  expect([answer.statusCode, answer.json().detail]).toEqual([
    422,
    [{ type: 'value_error', loc: ['body', 'name'], msg: 'Leave out control characters.' }],
  ]);
});

test('a permission that nobody made is refused by its place in the list', async () => {
  const answer = await create(['users:read', 'no:such']);
  expect([answer.statusCode, answer.json().detail]).toEqual([
    422,
    [{ type: 'value_error', loc: ['body', 'permissions', 1], msg: 'There is no such permission.' }],
  ]);
});

test('a client that holds what the caller lacks cannot be changed by it', async () => {
  const client = (await create(['users:read'])).json();
  const attempts = [
    await world.call('POST', `/clients/${client.id}/rotate-secret`, { token: lesser }),
    await world.call('DELETE', `/clients/${client.id}`, { token: lesser }),
  ];
  for (const answer of attempts)
    expect(answer.json()).toMatchObject({
      code: 'target_outranks_caller',
      message: 'The client holds a permission that you lack.',
    });
  expect((await introspectAs(client, client.secret)).json().code).toBe('permission_denied');
});

test('a client authenticates in one way and as one client (RFC 6749 §2.3)', async () => {
  const [own, other] = [(await create(['tokens:introspect'])).json(), (await create([])).json()];
  const authorization = `Basic ${Buffer.from(`${own.id}:${own.secret}`).toString('base64')}`;
  const asked = async (more: object) =>
    (await world.call('POST', '/introspect', { form: { token: 'x', ...more }, headers: { authorization } }))
      .statusCode;
  expect(await asked({ client_id: own.id.toUpperCase() })).toBe(200);
  expect(await asked({ client_id: other.id })).toBe(400);
  expect(await asked({ client_id: own.id, client_secret: own.secret })).toBe(400);
});

test('while rotating, two secrets are good; a leaked one can be dropped at once', async () => {
  const client = (await create(['tokens:introspect'])).json();
  const rotate = (body?: object) =>
    world.call('POST', `/clients/${client.id}/rotate-secret`, { token: admin, ...(body && { body }) });
  const second = (await rotate()).json();
  expect(second.previous_secret_expires_at).toBe('2026-11-24T12:00:00.000Z');
  expect(second.secret).not.toBe(client.secret);
  for (const secret of [client.secret, second.secret])
    expect((await introspectAs(client, secret)).statusCode).toBe(200);
  const third = (await rotate({ keep_previous_seconds: 0 })).json();
  const statuses = await Promise.all(
    [client.secret, second.secret, third.secret].map(
      async secret => (await introspectAs(client, secret)).statusCode,
    ),
  );
  expect(statuses).toEqual([401, 401, 200]);
});

test('the overlap ends by itself', async () => {
  const own = await testApp();
  try {
    const { accessToken } = await signedIn(own, 'clients:write', 'tokens:introspect');
    const client = (
      await own.call('POST', '/clients', {
        token: accessToken,
        body: { name: 'a', permissions: ['tokens:introspect'] },
      })
    ).json();
    await own.call('POST', `/clients/${client.id}/rotate-secret`, {
      token: accessToken,
      body: { keep_previous_seconds: 60 },
    });
    const form = { token: 'x', client_id: client.id, client_secret: client.secret };
    expect((await own.call('POST', '/introspect', { form })).statusCode).toBe(200);
    own.deps.clock.advance(60);
    expect((await own.call('POST', '/introspect', { form })).statusCode).toBe(401);
  } finally {
    await own.close();
  }
});

test('a removed client is gone: 204, then 404, and its secret opens nothing', async () => {
  const client = (await create(['tokens:introspect'])).json();
  expect((await world.call('DELETE', `/clients/${client.id}`, { token: admin })).statusCode).toBe(204);
  expect((await world.call('DELETE', `/clients/${client.id}`, { token: admin })).json().code).toBe(
    'client_not_found',
  );
  expect((await introspectAs(client, client.secret)).statusCode).toBe(401);
  const events = await world.deps.db.rows<{ type: string }>(sql`
    select type from audit_events where data ->> 'client_id' = ${client.id} order by created_at, id`);
  expect(events.map(({ type }) => type)).toContain('client.deleted');
});

test('the list pages by cursor and shows no secret', async () => {
  for (let count = 0; count < 5; count++) await create([]);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const page = (await world.call('GET', `/clients?limit=2${query}`, { token: admin })).json();
    expect(JSON.stringify(page)).not.toContain('secret"');
    seen.push(...page.items.map(({ id }: { id: string }) => id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  const rows = await world.deps.db.rows<{ id: string }>(sql`select id from clients order by id`);
  expect(seen).toEqual(rows.map(({ id }) => id));
  const junk = Buffer.from('["x"]').toString('base64url');
  expect((await world.call('GET', `/clients?cursor=${junk}`, { token: admin })).statusCode).toBe(422);
});

test('HTTP Basic carries form-urlencoded parts (RFC 6749 §2.3.1), and anything else is no Basic', () => {
  const basic = (text: string) => readBasic(`Basic ${Buffer.from(text).toString('base64')}`);
  expect(basic('a%20b+c:%C3%A9%3A:x')).toEqual({ id: 'a b c', secret: 'é::x' });
  expect([basic('no colon'), basic('%zz:x'), readBasic('Bearer abc'), readBasic('Basic')]).toEqual([
    null,
    null,
    null,
    null,
  ]);
});
