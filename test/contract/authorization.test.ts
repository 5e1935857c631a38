// http-api.md **Authorization: roles and permissions**, service clients, introspection and revocation.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectIssues, expectProblem, type Judge } from '../support/contract.ts';
import { logIn, type Member, member, person } from '../support/people.ts';

let world: TestApp & { judge: Judge };
let admin: Member;
let user: Member;
beforeAll(async () => {
  world = await contractApp();
  admin = await member(world, { roles: ['admin'] });
  user = await member(world);
});
afterAll(() => world.close());

const as = (
  { token }: Member,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  body?: object,
) => world.call(method, url, { token, body });
let made = 0;
/** Somebody with a role of these permissions. */
async function holderOf(...permissions: string[]): Promise<Member> {
  const name = `holder-${made++}`;
  expect((await as(admin, 'POST', '/roles', { name, permissions })).statusCode).toBe(201);
  return member(world, { roles: [name] });
}

describe('every guarded route names one permission', () => {
  test('and whoever lacks it gets 403 permission_denied, which names it too', async () => {
    const guarded = world.judge.operations.filter(operation => operation['x-permission'] !== undefined);
    expect(guarded.length).toBeGreaterThan(20);
    for (const { method, path, 'x-permission': permission } of guarded) {
      const url = path.replaceAll(/\{\w+\}/g, '019300f4-6f00-7000-8000-000000000001');
      const answer = await as(
        user,
        method as 'GET',
        url,
        method === 'GET' || method === 'DELETE' ? undefined : {},
      );
      expectProblem(answer, 'permission_denied');
      expect(answer.json().permission, `${method} ${path}`).toBe(permission);
      expect(answer.json().message).toContain(permission);
      // RFC 6750 §3.1.
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer error="insufficient_scope"/);
    }
  });

  test('which routes need which is what the contract says', () => {
    const table = world.judge.operations
      .filter(operation => operation['x-permission'] !== undefined)
      .map(operation => `${operation.method} ${operation.path} ${operation['x-permission']}`);
    expect(table).toEqual(
      expect.arrayContaining([
        'GET /users users:read',
        'POST /users users:write',
        'GET /users/{id} users:read',
        'PATCH /users/{id} users:write',
        'DELETE /users/{id} users:write',
        'PUT /users/{id}/roles roles:write',
        'POST /users/{id}/logout sessions:revoke',
        'POST /users/{id}/unlock users:write',
        'POST /users/{id}/password-reset users:write',
        'GET /roles roles:read',
        'POST /roles roles:write',
        'GET /roles/{name} roles:read',
        'PUT /roles/{name} roles:write',
        'DELETE /roles/{name} roles:write',
        'GET /permissions roles:read',
        'POST /permissions roles:write',
        'DELETE /permissions/{name} roles:write',
        'GET /clients clients:read',
        'POST /clients clients:write',
        'POST /clients/{id}/rotate-secret clients:write',
        'DELETE /clients/{id} clients:write',
        'GET /audit-events audit:read',
        'POST /keys/rotate keys:rotate',
      ]),
    );
  });

  test('decisions read the roles of now, not those in the token', async () => {
    const reader = await holderOf('users:read');
    expect((await as(reader, 'GET', '/users')).statusCode).toBe(200);
    await as(admin, 'PUT', `/users/${reader.who.id}/roles`, { roles: ['user'] });
    expectProblem(await as(reader, 'GET', '/users'), 'permission_denied');
  });
});

describe('permissions and roles', () => {
  test('a permission is made, listed, held by admin from then on, and removed', async () => {
    const answer = await as(admin, 'POST', '/permissions', {
      name: 'invoices:read',
      description: 'Read invoices',
    });
    expect([answer.statusCode, answer.json()]).toEqual([
      201,
      expect.objectContaining({ name: 'invoices:read', description: 'Read invoices' }),
    ]);
    expectProblem(await as(admin, 'POST', '/permissions', { name: 'invoices:read' }), 'permission_exists');
    const { items } = (await as(admin, 'GET', '/permissions')).json();
    expect(items).toContainEqual(
      expect.objectContaining({ name: 'invoices:read', description: 'Read invoices' }),
    );
    const mine = (await as(admin, 'GET', '/users/me/permissions')).json();
    expect(mine.permissions).toContain('invoices:read');
    expect((await as(admin, 'DELETE', '/permissions/invoices:read')).statusCode).toBe(204);
    expectProblem(await as(admin, 'DELETE', '/permissions/invoices:read'), 'permission_not_found');
    expectProblem(await as(admin, 'DELETE', '/permissions/users:read'), 'permission_built_in');
    for (const name of ['', 'nocolon', 'Upper:case', 'a:b c', ':', 'a:'])
      expectProblem(await as(admin, 'POST', '/permissions', { name }), 'validation_failed');
  });

  test('a role is made (201), read, replaced, given, and removed (204)', async () => {
    const role = { name: 'support', description: 'Helps people', permissions: ['users:read'] };
    const answer = await as(admin, 'POST', '/roles', role);
    expect([answer.statusCode, answer.json()]).toEqual([201, expect.objectContaining(role)]);
    expectProblem(await as(admin, 'POST', '/roles', role), 'role_exists');
    expect((await as(admin, 'GET', '/roles/support')).json()).toMatchObject(role);
    const replaced = { description: 'Helps more', permissions: ['users:read', 'users:write'] };
    expect((await as(admin, 'PUT', '/roles/support', replaced)).json()).toMatchObject({
      name: 'support',
      ...replaced,
    });
    const given = await as(admin, 'PUT', `/users/${user.who.id}/roles`, { roles: ['user', 'support'] });
    expect(given.json().roles.toSorted()).toEqual(['support', 'user']);
    expect((await as(user, 'GET', '/users')).statusCode).toBe(200);
    expect((await as(admin, 'DELETE', '/roles/support')).statusCode).toBe(204);
    expectProblem(await as(user, 'GET', '/users'), 'permission_denied');
    expectProblem(await as(admin, 'GET', '/roles/support'), 'role_not_found');
    expectProblem(await as(admin, 'DELETE', '/roles/support'), 'role_not_found');
  });

  test('built-in roles stay (409), the last administrator stays (409)', async () => {
    for (const name of ['admin', 'user'])
      expectProblem(await as(admin, 'DELETE', `/roles/${name}`), 'role_built_in');
    expectProblem(
      await as(admin, 'PUT', `/users/${admin.who.id}/roles`, { roles: ['user'] }),
      'last_administrator',
    );
    expectProblem(await as(admin, 'DELETE', '/users/me'), 'last_administrator');
    expectProblem(
      await as(admin, 'PATCH', `/users/${admin.who.id}`, { disabled: true }),
      'last_administrator',
    );
    expectProblem(await as(admin, 'DELETE', `/users/${admin.who.id}`), 'last_administrator');
  });

  test('a role or a permission that there is none of is 422 that names the member', async () => {
    const roles = await as(admin, 'PUT', `/users/${user.who.id}/roles`, { roles: ['nonesuch'] });
    expectProblem(roles, 'validation_failed');
    expect(roles.json().detail[0].loc.slice(0, 2)).toEqual(['body', 'roles']);
    const role = await as(admin, 'POST', '/roles', { name: 'broken', permissions: ['none:such'] });
    expectProblem(role, 'validation_failed');
    expect(role.json().detail[0].loc.slice(0, 2)).toEqual(['body', 'permissions']);
  });
});

describe('nobody gets beyond what they hold', () => {
  test('a caller grants no permission that it lacks, by role, by user or by client', async () => {
    const writer = await holderOf('roles:write', 'roles:read', 'users:write', 'clients:write');
    expectProblem(
      await as(writer, 'POST', '/roles', { name: 'more', permissions: ['keys:rotate'] }),
      'grant_exceeds_own',
    );
    expectProblem(
      await as(writer, 'PUT', `/users/${writer.who.id}/roles`, { roles: ['admin'] }),
      'grant_exceeds_own',
    );
    expectProblem(
      await as(writer, 'POST', '/clients', { name: 'more', permissions: ['keys:rotate'] }),
      'grant_exceeds_own',
    );
    const body = { email: 'x@example.com', first_name: 'X', last_name: 'Y', roles: ['admin'] };
    expectProblem(await as(writer, 'POST', '/users', body), 'grant_exceeds_own');
  });

  test('a caller acts on nobody who holds more', async () => {
    const writer = await holderOf('roles:write', 'users:write', 'sessions:revoke', 'clients:write');
    const url = `/users/${admin.who.id}`;
    for (const answer of [
      await as(writer, 'PATCH', url, { disabled: true }),
      await as(writer, 'DELETE', url),
      await as(writer, 'PUT', `${url}/roles`, { roles: ['user'] }),
      await as(writer, 'POST', `${url}/logout`),
      await as(writer, 'POST', `${url}/unlock`),
      await as(writer, 'POST', `${url}/password-reset`),
    ])
      expectProblem(answer, 'target_outranks_caller');
    const client = (
      await as(admin, 'POST', '/clients', { name: 'strong', permissions: ['keys:rotate'] })
    ).json();
    expectProblem(await as(writer, 'POST', `/clients/${client.id}/rotate-secret`), 'target_outranks_caller');
    expectProblem(await as(writer, 'DELETE', `/clients/${client.id}`), 'target_outranks_caller');
    expectProblem(await as(writer, 'DELETE', '/permissions/users:read'), 'permission_built_in');
  });

  test('granting, keys and clients need a recent login', async () => {
    const late = await member(world, { roles: ['admin'] });
    world.deps.clock.advance(601);
    for (const [method, url, body] of [
      ['POST', '/roles', { name: 'late' }],
      ['PUT', `/users/${user.who.id}/roles`, { roles: ['user'] }],
      ['POST', '/clients', { name: 'late' }],
      ['POST', '/keys/rotate', undefined],
      ['DELETE', `/users/${user.who.id}`, undefined],
    ] as const)
      expectProblem(await as(late, method, url, body), 'reauthentication_required');
    expect((await as(late, 'GET', '/users')).statusCode).toBe(200);
    admin = { ...admin, token: (await logIn(world, admin.who)).access_token };
    user = { ...user, token: (await logIn(world, user.who)).access_token };
  });
});

describe('users', () => {
  test('a list pages by cursor and filters; limits are 1 to 200', async () => {
    for (let count = 0; count < 5; count++) await person(world, { email: `paged${count}@list.example` });
    const emails: string[] = [];
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ q: 'paged', limit: '2', ...(cursor !== null && { cursor }) });
      const page = (await as(admin, 'GET', `/users?${query.toString()}`)).json();
      expect(page.items.length).toBeLessThanOrEqual(2);
      emails.push(...page.items.map(({ email }: { email: string }) => email));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(emails).toEqual([4, 3, 2, 1, 0].map(count => `paged${count}@list.example`));
    const admins = (await as(admin, 'GET', '/users?role=admin')).json().items;
    expect(admins.map(({ id }: { id: string }) => id)).toContain(admin.who.id);
    const disabled = async (value: string) =>
      (await as(admin, 'GET', `/users?q=paged&disabled=${value}`)).json().items.length;
    for (const yes of ['true', 'True', 'TRUE', '1', 'yes', 'on']) expect(await disabled(yes), yes).toBe(0);
    for (const no of ['false', 'False', '0', 'no', 'off']) expect(await disabled(no), no).toBe(5);
    for (const query of [
      'disabled=',
      'disabled=1&disabled=1',
      'limit=0',
      'limit=201',
      'limit=x',
      'limit=1.5',
      'disabled=maybe',
      'nonsense=1',
      'cursor=nonsense',
      'cursor=AAAA',
    ])
      expectProblem(await as(admin, 'GET', `/users?${query}`), 'validation_failed');
  });

  test('one account: read, changed, disabled at once, logged out, unlocked, reset, removed', async () => {
    const ada = await member(world);
    const url = `/users/${ada.who.id}`;
    expect((await as(admin, 'GET', url)).json()).toMatchObject({ id: ada.who.id, email: ada.who.email });
    const patch = { first_name: 'Augusta', phone_number: '+254712345678' };
    expect((await as(admin, 'PATCH', url, patch)).json()).toMatchObject({
      ...patch,
      full_name: 'Augusta Lovelace',
    });
    expect((await as(admin, 'PATCH', url, { disabled: true })).json().disabled).toBe(true);
    const refused = await as(ada, 'GET', '/users/me');
    expect(refused.statusCode).toBe(401);
    const form = { username: ada.who.email, password: ada.who.password };
    expectProblem(await world.call('POST', '/token', { form }), 'invalid_credentials');
    expect((await as(admin, 'PATCH', url, { disabled: false })).json().disabled).toBe(false);
    const back = await logIn(world, ada.who);
    expect((await as(admin, 'POST', `${url}/logout`)).statusCode).toBe(204);
    expectProblem(await world.call('GET', '/users/me', { token: back.access_token }), 'token_revoked');
    for (let attempt = 0; attempt < 5; attempt++)
      await world.call('POST', '/token', { form: { ...form, password: 'x' } });
    expectProblem(await world.call('POST', '/token', { form }), 'too_many_attempts');
    expect((await as(admin, 'POST', `${url}/unlock`)).statusCode).toBe(204);
    expect((await world.call('POST', '/token', { form })).statusCode).toBe(200);
    expect((await as(admin, 'POST', `${url}/password-reset`)).statusCode).toBe(202);
    expect((await as(admin, 'DELETE', url)).statusCode).toBe(204);
    for (const answer of [
      await as(admin, 'GET', url),
      await as(admin, 'PATCH', url, {}),
      await as(admin, 'DELETE', url),
      await as(admin, 'POST', `${url}/logout`),
      await as(admin, 'PUT', `${url}/roles`, { roles: [] }),
    ])
      expectProblem(answer, 'user_not_found');
    expectProblem(await as(admin, 'GET', '/users/nonsense'), 'validation_failed');
  });

  test('no administrator sets a password or another address', async () => {
    for (const name of ['password', 'email', 'username', 'email_verified', 'roles'])
      expectIssues(
        await as(admin, 'PATCH', `/users/${user.who.id}`, { [name]: 'x' }),
        `body.${name} extra_forbidden`,
      );
  });

  test('audit events, the newest first, with the members of the contract', async () => {
    const page = (await as(admin, 'GET', `/audit-events?user_id=${user.who.id}&limit=2`)).json();
    expect(page.items.length).toBe(2);
    expect(page.next_cursor).toEqual(expect.any(String));
    expect(Object.keys(page.items[0])).toEqual(
      expect.arrayContaining([
        'id',
        'type',
        'created_at',
        'actor',
        'user_id',
        'ip',
        'user_agent',
        'request_id',
        'outcome',
        'reason',
      ]),
    );
    expect(page.items[0].created_at >= page.items[1].created_at).toBe(true);
    const ordinary = (await as(admin, 'GET', '/audit-events')).json();
    expect([ordinary.items.length, ordinary.next_cursor]).toEqual([50, expect.any(String)]);
    expect((await as(admin, 'GET', '/audit-events?limit=200')).json().items.length).toBeGreaterThan(50);
    const before = await as(admin, 'GET', '/audit-events?to=2026-11-23T00:00:00Z');
    expect(before.json()).toEqual({ items: [], next_cursor: null });
    const logins = (
      await as(admin, 'GET', '/audit-events?type=login.succeeded&from=2026-11-23T00:00:00Z')
    ).json().items;
    expect(new Set(logins.map(({ type }: { type: string }) => type))).toEqual(new Set(['login.succeeded']));
    for (const query of ['user_id=x', 'from=yesterday', 'limit=0', 'cursor=x'])
      expectProblem(await as(admin, 'GET', `/audit-events?${query}`), 'validation_failed');
  });
});

test('an event carries the request id that the answer carried', async () => {
  const form = { username: user.who.email, password: 'wrong' };
  const headers = { 'x-request-id': 'trace-of-a-login' };
  const answer = await world.call('POST', '/token', { form, headers });
  expect(answer.headers['x-request-id']).toBe('trace-of-a-login');
  const { items } = (await as(admin, 'GET', '/audit-events?type=login.failed&limit=1')).json();
  expect(items[0]).toMatchObject({
    request_id: 'trace-of-a-login',
    user_id: user.who.id,
    outcome: 'failure',
  });
});

describe('service clients', () => {
  const basic = (id: string, secret: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` });
  const grant = { grant_type: 'client_credentials' };

  test('the secret is shown once; two are valid while rotating; a removed client is refused', async () => {
    const created = await as(admin, 'POST', '/clients', { name: 'reports', permissions: ['users:read'] });
    expect(created.statusCode).toBe(201);
    const { id, secret } = created.json();
    const listed = (await as(admin, 'GET', '/clients'))
      .json()
      .items.find((client: { id: string }) => client.id === id);
    expect(listed).toMatchObject({ name: 'reports', permissions: ['users:read'] });
    expect(JSON.stringify(listed)).not.toContain(secret);
    const rotated = (await as(admin, 'POST', `/clients/${id}/rotate-secret`)).json();
    for (const each of [secret, rotated.secret])
      expect((await world.call('POST', '/token', { form: grant, headers: basic(id, each) })).statusCode).toBe(
        200,
      );
    expect((await as(admin, 'DELETE', `/clients/${id}`)).statusCode).toBe(204);
    expectProblem(await as(admin, 'DELETE', `/clients/${id}`), 'client_not_found');
    expectProblem(
      await world.call('POST', '/token', { form: grant, headers: basic(id, secret) }),
      'invalid_client',
    );
  });

  test("a client's token: client_id, no sid, no refresh token; 403 user_required on the routes of a user", async () => {
    const { id, secret } = (
      await as(admin, 'POST', '/clients', { name: 'machine', permissions: ['users:read'] })
    ).json();
    const answer = await world.call('POST', '/token', { form: grant, headers: basic(id, secret) });
    const claims = JSON.parse(Buffer.from(answer.json().access_token.split('.')[1], 'base64url').toString());
    expect(claims).toMatchObject({ sub: id, client_id: id, permissions: ['users:read'] });
    expect(claims).not.toHaveProperty('sid');
    expect(answer.json()).not.toHaveProperty('refresh_token');
    const token = answer.json().access_token;
    expect((await world.call('GET', '/users', { token })).statusCode).toBe(200);
    for (const { method, path, security, 'x-permission': permission } of world.judge.operations) {
      if (permission !== undefined || security.length === 0 || !('bearer' in (security[0] ?? {}))) continue;
      const url = path.replaceAll(/\{\w+\}/g, '019300f4-6f00-7000-8000-000000000001');
      expectProblem(await world.call(method as 'GET', url, { token }), 'user_required');
    }
    expectProblem(await world.call('POST', '/roles', { token, body: { name: 'x' } }), 'permission_denied');
  });

  test('introspection needs tokens:introspect, revocation of another sessions:revoke', async () => {
    const make = async (name: string, ...permissions: string[]) => {
      const { id, secret } = (await as(admin, 'POST', '/clients', { name, permissions })).json();
      return basic(id, secret);
    };
    const [none, all] = [await make('none'), await make('all', 'tokens:introspect', 'sessions:revoke')];
    const ada = await member(world);
    const ask = (headers: Record<string, string>, url: string, token: string) =>
      world.call('POST', url, { form: { token, unknown: 'ignored' }, headers });
    expectProblem(await ask(none, '/introspect', ada.token), 'permission_denied');
    expectProblem(await ask(none, '/revoke', ada.token), 'permission_denied');
    const active = await ask(all, '/introspect', ada.token);
    expect(active.json()).toMatchObject({ active: true, sub: ada.who.id, username: ada.who.email });
    expect((await ask(all, '/revoke', ada.token)).statusCode).toBe(200);
    expect((await ask(all, '/introspect', ada.token)).json()).toEqual({ active: false });
    expectProblem(await as(ada, 'GET', '/users/me'), 'token_revoked');
    expect((await ask(all, '/revoke', 'never-a-token')).statusCode).toBe(200);
  });
});
