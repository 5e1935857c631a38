import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, type Member, member, person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';

let world: TestApp;
let admin: Member;

beforeAll(async () => {
  world = await testApp();
  admin = await member(world, { roles: ['admin'] });
});
afterAll(() => world.close());

const make = (body: object, token = admin.token) => world.call('POST', '/roles', { token, body });

/** A role of these permissions, and somebody who has it. */
async function holderOf(name: string, permissions: string[]) {
  expect((await make({ name, permissions })).statusCode).toBe(201);
  return member(world, { roles: [name] });
}

const eventsOf = (type: string) =>
  world.deps.db.rows<{ outcome: string; reason: string | null; data: object }>(sql`
    select outcome, reason, data from audit_events where type = ${type} order by created_at, id`);

describe('permissions', () => {
  test('a new permission is held by administrators at once, and removal takes it from every role', async () => {
    const answer = await world.call('POST', '/permissions', {
      token: admin.token,
      body: { name: 'reports:read', description: 'See reports' },
    });
    expect([answer.statusCode, answer.json()]).toEqual([
      201,
      { name: 'reports:read', description: 'See reports', built_in: false },
    ]);
    const mine = await world.call('GET', '/users/me/permissions', { token: admin.token });
    expect(mine.json().permissions).toContain('reports:read');
    expect(mine.json().roles).toEqual(['admin', 'user']);

    await make({ name: 'reporter', permissions: ['reports:read'] });
    const gone = await world.call('DELETE', '/permissions/reports:read', { token: admin.token });
    expect(gone.statusCode).toBe(204);
    const role = await world.call('GET', '/roles/reporter', { token: admin.token });
    expect(role.json().permissions).toEqual([]);
    expect(
      (await world.call('DELETE', '/permissions/reports:read', { token: admin.token })).json().code,
    ).toBe('permission_not_found');
  });

  test('built-in permissions stay, names are resource:action, and one name exists once', async () => {
    const builtIn = await world.call('DELETE', '/permissions/users:read', { token: admin.token });
    expect([builtIn.statusCode, builtIn.json().code]).toEqual([409, 'permission_built_in']);
    for (const name of ['reports', 'Reports:read', ':read', 'a:b c', 'a:', 'users:read\n']) {
      const answer = await world.call('POST', '/permissions', { token: admin.token, body: { name } });
      expect([name, answer.statusCode]).toEqual([name, 422]);
    }
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        world.call('POST', '/permissions', { token: admin.token, body: { name: 'ten:callers' } }),
      ),
    );
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([
      201, 409, 409, 409, 409, 409,
    ]);
  });

  test('nobody can make so many that the token of an administrator is too long to be sent', async () => {
    const writer = await holderOf('namer', ['roles:write']);
    const name = (made: number) => `${'a'.repeat(63)}:${'b'.repeat(60)}${made}`;
    const create = (made: number) =>
      world.call('POST', '/permissions', { token: writer.token, body: { name: name(made) } });
    let made = 0;
    let answer = await create(made);
    while (answer.statusCode === 201 && made < 200) answer = await create(++made);
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'permission_limit_reached']);

    const { access_token: token } = await logIn(world, admin.who);
    expect(token.length).toBeLessThan(15_000);
    for (let left = 0; left < made; left++)
      expect((await world.call('DELETE', `/permissions/${name(left)}`, { token })).statusCode).toBe(204);
  });

  test('the list pages', async () => {
    const first = await world.call('GET', '/permissions?limit=3', { token: admin.token });
    expect(first.json().items).toHaveLength(3);
    const next = await world.call('GET', `/permissions?limit=200&cursor=${first.json().next_cursor}`, {
      token: admin.token,
    });
    expect(next.json().next_cursor).toBeNull();
    const all = await world.call('GET', '/permissions?limit=200', { token: admin.token });
    expect([...first.json().items, ...next.json().items]).toEqual(all.json().items);
  });
});

describe('roles', () => {
  test('a role is made, read, replaced and removed, and each is in the audit trail', async () => {
    const made = await make({ name: 'support', description: ' Help desk ', permissions: ['users:read'] });
    expect([made.statusCode, made.json()]).toEqual([
      201,
      {
        name: 'support',
        description: 'Help desk',
        permissions: ['users:read'],
        mfa_required: false,
        built_in: false,
      },
    ]);
    expect((await make({ name: 'support' })).json().code).toBe('role_exists');
    const put = await world.call('PUT', '/roles/support', {
      token: admin.token,
      body: { name: 'support', description: 'Desk', permissions: ['audit:read'], mfa_required: true },
    });
    expect(put.json()).toMatchObject({
      description: 'Desk',
      permissions: ['audit:read'],
      mfa_required: true,
    });
    expect((await world.call('GET', '/roles/support', { token: admin.token })).json()).toEqual(put.json());
    expect((await world.call('DELETE', '/roles/support', { token: admin.token })).statusCode).toBe(204);
    expect((await world.call('GET', '/roles/support', { token: admin.token })).json().code).toBe(
      'role_not_found',
    );
    expect((await eventsOf('role.deleted')).at(-1)).toMatchObject({
      outcome: 'success',
      data: { role: 'support', holders: 0 },
    });
  });

  test('built-in roles stay, and admin keeps every permission', async () => {
    for (const name of ['admin', 'user']) {
      const answer = await world.call('DELETE', `/roles/${name}`, { token: admin.token });
      expect([answer.statusCode, answer.json().code]).toEqual([409, 'role_built_in']);
    }
    const emptied = await world.call('PUT', '/roles/admin', {
      token: admin.token,
      body: { description: 'x', permissions: ['users:read'] },
    });
    expect([emptied.statusCode, emptied.json().code]).toEqual([409, 'role_built_in']);
  });

  test('nobody puts into a role what they do not hold, nor changes a role that holds it', async () => {
    const clerk = await holderOf('clerk', ['roles:write', 'users:read']);
    const made = await make({ name: 'sneaky', permissions: ['users:read', 'users:write'] }, clerk.token);
    expect([made.statusCode, made.json().code, made.json().permissions]).toEqual([
      403,
      'grant_exceeds_own',
      ['users:write'],
    ]);
    const widened = await world.call('PUT', '/roles/clerk', {
      token: clerk.token,
      body: { description: '', permissions: ['roles:write', 'users:read', 'keys:rotate'] },
    });
    expect(widened.json().code).toBe('grant_exceeds_own');
    for (const [method, body] of [
      ['PUT', { description: '', permissions: [] }],
      ['DELETE', undefined],
    ] as const) {
      await make({ name: 'auditor', permissions: ['audit:read'] });
      const answer = await world.call(method, '/roles/auditor', { token: clerk.token, body });
      expect([method, answer.statusCode, answer.json().code]).toEqual([
        method,
        403,
        'target_outranks_caller',
      ]);
    }
    await world.call('POST', '/permissions', { token: admin.token, body: { name: 'vault:open' } });
    expect(
      (await world.call('DELETE', '/permissions/vault:open', { token: clerk.token })).json(),
    ).toMatchObject({
      code: 'grant_exceeds_own',
      message: 'You cannot remove a permission that you do not hold.',
    });
    expect((await eventsOf('role.created')).some(({ reason }) => reason === 'grant_exceeds_own')).toBe(true);
  });

  test('nobody takes a permission from a role or a client that holds what they do not', async () => {
    const { token } = admin;
    await world.call('POST', '/permissions', { token, body: { name: 'safe:open' } });
    const teller = await holderOf('teller', ['roles:write', 'safe:open']);
    const remove = async () => {
      const answer = await world.call('DELETE', '/permissions/safe:open', { token: teller.token });
      return [answer.statusCode, answer.statusCode === 204 ? null : answer.json().code];
    };
    const body = { name: 'guard', permissions: ['keys:rotate', 'safe:open'] };
    await make(body);
    expect(await remove()).toEqual([403, 'target_outranks_caller']);
    await world.call('DELETE', '/roles/guard', { token });
    const client = (await world.call('POST', '/clients', { token, body })).json();
    expect(await remove()).toEqual([403, 'target_outranks_caller']);
    await world.call('DELETE', `/clients/${client.id}`, { token });
    // What others hold who do not have it is no matter, nor who has it alone.
    for (const permissions of [['keys:rotate'], ['safe:open']])
      for (const url of ['/roles', '/clients']) {
        const name = `only-${permissions.join().replace(':', '-')}`;
        expect((await world.call('POST', url, { token, body: { name, permissions } })).statusCode).toBe(201);
      }
    // Of `admin` it goes as well, which holds whatever there is.
    expect(await remove()).toEqual([204, null]);
  });

  test('a permission that nobody made is refused by its place in the list', async () => {
    const answer = await make({ name: 'ghost', permissions: ['users:read', 'no:such'] });
    expect([answer.statusCode, answer.json().detail]).toEqual([
      422,
      [{ type: 'value_error', loc: ['body', 'permissions', 1], msg: 'There is no such permission.' }],
    ]);
  });

  test('reading needs roles:read, writing needs roles:write and a recent login', async () => {
    const reader = await holderOf('reader', ['roles:read']);
    expect((await world.call('GET', '/roles', { token: reader.token })).statusCode).toBe(200);
    const refused = await make({ name: 'mine' }, reader.token);
    expect([refused.statusCode, refused.json().permission]).toEqual([403, 'roles:write']);
    const late = await member(world, { roles: ['admin'] });
    world.deps.clock.advance(601);
    expect((await make({ name: 'late' }, late.token)).json().code).toBe('reauthentication_required');
    admin = { who: admin.who, token: (await logIn(world, admin.who)).access_token };
  });
});

describe('a role that requires a second factor', () => {
  test('goes on requiring it where a change does not speak of that', async () => {
    await make({ name: 'safe', permissions: ['users:read'], mfa_required: true });
    const put = await world.call('PUT', '/roles/safe', {
      token: admin.token,
      body: { description: 'New words', permissions: ['users:read'] },
    });
    expect(put.json()).toMatchObject({ description: 'New words', mfa_required: true });
    expect((await world.call('GET', '/roles/safe', { token: admin.token })).json()).toEqual(put.json());
    expect((await eventsOf('role.updated')).at(-1)?.data).toEqual({
      role: 'safe',
      permissions: ['users:read'],
      before: ['users:read'],
      mfa_required: true,
    });
  });

  test('permits nothing in a session that was proven by password alone, and its holder grants nothing of it', async () => {
    await make({ name: 'vault', permissions: ['users:read', 'roles:write'], mfa_required: true });
    const keeper = await person(world, { roles: ['vault'] });
    const { access_token: token } = await logIn(world, keeper);
    expect((await world.call('GET', '/users/me/permissions', { token })).json()).toEqual({
      roles: ['user', 'vault'],
      permissions: [],
    });
    expect((await world.call('GET', '/users', { token })).json().code).toBe('permission_denied');
    // Nor beside a role that lets its holder grant.
    await make({ name: 'namer', permissions: ['roles:write'] });
    const both = await person(world, { roles: ['namer', 'vault'] });
    const { access_token: named } = await logIn(world, both);
    expect((await make({ name: 'spy', permissions: ['users:read'] }, named)).json()).toMatchObject({
      code: 'grant_exceeds_own',
      permissions: ['users:read'],
    });
  });
});

describe('a service client', () => {
  test('administers with its own permissions, and grants no more than them', async () => {
    const client = await world.call('POST', '/clients', {
      token: admin.token,
      body: { name: 'provisioner', permissions: ['roles:write', 'roles:read'] },
    });
    const { id, secret } = client.json();
    const answer = await world.call('POST', '/token', {
      form: { grant_type: 'client_credentials' },
      headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    });
    expect(answer.statusCode).toBe(200);
    const token = answer.json().access_token;
    expect((await make({ name: 'by-client', permissions: ['roles:read'] }, token)).statusCode).toBe(201);
    expect((await make({ name: 'too-much', permissions: ['users:write'] }, token)).json().code).toBe(
      'grant_exceeds_own',
    );
    const mine = await world.call('GET', '/users/me/permissions', { token });
    expect([mine.statusCode, mine.json().code]).toEqual([403, 'user_required']);
    const event = await world.deps.db.row(sql`
      select actor_kind, actor_id from audit_events
      where type = 'role.created' and outcome = 'success' and data ->> 'role' = 'by-client'`);
    expect(event).toEqual({ actor_kind: 'client', actor_id: id });
  });
});
