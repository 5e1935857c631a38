import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, type Member, member, person } from '../../test/support/people.ts';
import { readMailbox } from '../delivery/mailbox.ts';
import { sql } from '../platform/sql.ts';

let world: TestApp;
let admin: Member;

beforeAll(async () => {
  world = await testApp();
  admin = await member(world, { roles: ['admin'] });
  await role('helper', ['users:read', 'users:write', 'sessions:revoke', 'roles:write']);
});
afterAll(() => world.close());

const role = (name: string, permissions: string[]) =>
  world.call('POST', '/roles', { token: admin.token, body: { name, permissions } });
const fresh = () => `${world.deps.random.uuid()}@example.com`;
const statuses = (answers: { statusCode: number }[]) =>
  answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b);
const rolesOf = async (id: string) =>
  (await world.call('GET', `/users/${id}`, { token: admin.token })).json().roles;

describe('accounts by an administrator', () => {
  test('a new account has no password; its owner sets one by mail, which proves the mailbox', async () => {
    const email = fresh();
    const body = { email, first_name: 'Grace', last_name: 'Hopper', phone_number: '+254712345678' };
    const made = await world.call('POST', '/users', { token: admin.token, body });
    expect([made.statusCode, made.json()]).toEqual([
      201,
      expect.objectContaining({ email, username: email, roles: ['user'], email_verified: false }),
    ]);
    const [mail] = await mailsTo(world, email);
    expect(mail?.template).toBe('reset-password');
    const set = await world.call('POST', '/password-reset/confirm', {
      body: {
        token: mail?.secrets.token,
        new_password: 'Correct-horse-9',
        confirm_new_password: 'Correct-horse-9',
      },
    });
    expect(set.statusCode).toBe(200);
    const { access_token } = await logIn(world, { id: '', email, password: 'Correct-horse-9' });
    expect((await world.call('GET', '/users/me', { token: access_token })).json().email_verified).toBe(true);
    const twice = await world.call('POST', '/users', { token: admin.token, body });
    expect([twice.statusCode, twice.json().code]).toEqual([400, 'email_taken']);
  });

  test.each([{ password: 'Correct-horse-9' }, { email_verified: true }, { disabled: true }])(
    'an administrator cannot set %j on a new account',
    async extra => {
      const body = { email: fresh(), first_name: 'A', last_name: 'B', ...extra };
      expect((await world.call('POST', '/users', { token: admin.token, body })).statusCode).toBe(422);
    },
  );

  test.each([{ email: 'x@example.com' }, { username: 'x' }, { password: 'x' }, { roles: ['admin'] }])(
    'an administrator cannot change %j of another',
    async body => {
      const ada = await member(world);
      const answer = await world.call('PATCH', `/users/${ada.who.id}`, { token: admin.token, body });
      expect([answer.statusCode, answer.json().detail[0].type]).toEqual([422, 'extra_forbidden']);
    },
  );

  test('disabling ends every session at once and keeps the person out; enabling lets them in again', async () => {
    const ada = await member(world);
    const refresh = (await logIn(world, ada.who)).refresh_token;
    const answer = await world.call('PATCH', `/users/${ada.who.id}`, {
      token: admin.token,
      body: { disabled: true, first_name: 'Augusta' },
    });
    expect(answer.json()).toMatchObject({ disabled: true, full_name: 'Augusta Lovelace' });
    expect((await world.call('GET', '/users/me', { token: ada.token })).statusCode).toBe(401);
    expect(
      (await world.call('POST', '/refresh-token', { body: { refresh_token: refresh } })).statusCode,
    ).toBe(401);
    const form = { username: ada.who.email, password: ada.who.password };
    expect((await world.call('POST', '/token', { form })).json().code).toBe('invalid_credentials');
    await world.call('PATCH', `/users/${ada.who.id}`, { token: admin.token, body: { disabled: false } });
    expect((await world.call('POST', '/token', { form })).statusCode).toBe(200);
    expect((await world.call('GET', '/users/me', { token: ada.token })).statusCode).toBe(401);
  });

  test('logout, unlock, password reset and removal do what they say', async () => {
    const ada = await member(world);
    const at = (act: string) => world.call('POST', `/users/${ada.who.id}/${act}`, { token: admin.token });
    expect((await at('logout')).statusCode).toBe(204);
    expect((await world.call('GET', '/users/me', { token: ada.token })).statusCode).toBe(401);

    const wrong = { username: ada.who.email, password: 'wrong' };
    for (let attempt = 0; attempt < 5; attempt++) await world.call('POST', '/token', { form: wrong });
    const form = { ...wrong, password: ada.who.password };
    expect((await world.call('POST', '/token', { form })).statusCode).toBe(429);
    expect((await at('unlock')).statusCode).toBe(204);
    expect((await world.call('POST', '/token', { form })).statusCode).toBe(200);

    expect((await at('password-reset')).statusCode).toBe(202);
    expect((await mailsTo(world, ada.who.email)).at(-1)?.template).toBe('reset-password');
    const [mail] = await readMailbox(world.deps, { to: ada.who.email, limit: 1 });
    expect(mail?.text).toContain('Somebody, most likely you or an administrator, asked for a new password');

    const gone = await world.call('DELETE', `/users/${ada.who.id}`, { token: admin.token });
    expect(gone.statusCode).toBe(204);
    expect((await world.call('GET', `/users/${ada.who.id}`, { token: admin.token })).json().code).toBe(
      'user_not_found',
    );
    expect((await mailsTo(world, ada.who.email)).at(-1)?.template).toBe('account-closed');
  });

  test.each(['logout', 'unlock', 'password-reset'])(
    'what an administrator does by an id in capitals, %s, is in the trail, and its owner logs in before and after it',
    async act => {
      for (const hasLoggedIn of [true, false]) {
        const ada = await person(world);
        if (hasLoggedIn) await logIn(world, ada);
        const url = `/users/${ada.id.toUpperCase()}`;
        const done = await world.call('POST', `${url}/${act}`, { token: admin.token });
        expect([act, hasLoggedIn, done.statusCode]).toEqual([
          act,
          hasLoggedIn,
          act === 'password-reset' ? 202 : 204,
        ]);
        await logIn(world, ada);
        const trail = await world.call('GET', `/audit-events?user_id=${ada.id.toUpperCase()}`, {
          token: admin.token,
        });
        expect(trail.json().items.map(({ user_id, ip }: Record<string, unknown>) => [user_id, ip])).toEqual(
          trail.json().items.map(() => [ada.id, '127.0.0.1']),
        );
        expect((await world.call('DELETE', url, { token: admin.token })).statusCode).toBe(204);
      }
    },
  );

  test('the list is searched by how names and addresses begin, filtered, and paged without a gap', async () => {
    const people = [];
    for (let index = 0; index < 5; index++) {
      world.deps.clock.advance(1);
      people.push(await person(world, { email: `Zuse_%${index}@example.com` }));
    }
    admin = { who: admin.who, token: (await logIn(world, admin.who)).access_token };
    const list = async (query: string) =>
      (await world.call('GET', `/users?${query}`, { token: admin.token })).json();
    const ids = people.map(({ id }) => id).toReversed();
    const idsOf = (page: { items: { id: string }[] }) => page.items.map(({ id }) => id);
    expect(idsOf(await list('q=zUSE_%25'))).toEqual(ids);
    expect(idsOf(await list('q=zuseX'))).toEqual([]);
    const first = await list('q=zuse&limit=2');
    const second = await list(`q=zuse&limit=3&cursor=${first.next_cursor}`);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(ids);
    expect(second.next_cursor).toBeNull();
    expect((await list('q=lovelace')).items.length).toBeGreaterThanOrEqual(5);
    expect(idsOf(await list('role=admin'))).toEqual([admin.who.id]);
    await world.call('PATCH', `/users/${ids[0]}`, { token: admin.token, body: { disabled: true } });
    expect(idsOf(await list('disabled=true&q=zuse'))).toEqual([ids[0]]);
    expect(idsOf(await list('disabled=false&q=zuse'))).toEqual(ids.slice(1));
    expect((await world.call('GET', '/users?cursor=bogus', { token: admin.token })).statusCode).toBe(422);
  });

  test('a name is found by its beginning in any script, as it is written', async () => {
    const { token } = admin;
    const make = async (first_name: string, last_name: string) => {
      const body = { email: `${world.deps.random.uuid()}@example.com`, first_name, last_name };
      return (await world.call('POST', '/users', { token, body })).json().full_name as string;
    };
    const [jorg, konstantin] = [await make('Jörg', 'Weiß'), await make('Κωνσταντίνος', 'ΠΑΠΠΑΣ')];
    const found = async (q: string) => {
      const answer = await world.call('GET', `/users?q=${encodeURIComponent(q)}`, { token });
      return answer.json().items.map(({ full_name }: { full_name: string }) => full_name);
    };
    for (const q of ['Weiß', 'weiß', 'jörg weiß']) expect([q, await found(q)]).toEqual([q, [jorg]]);
    for (const q of ['Κωνσ', 'ΚΩΝΣΤ', 'ΠΑΠΠΑΣ']) expect([q, await found(q)]).toEqual([q, [konstantin]]);
  });
});

describe('nobody acts on somebody who holds more', () => {
  test.each([
    ['PATCH', '', { disabled: true }],
    ['PATCH', '', { first_name: 'Eve' }],
    ['DELETE', '', undefined],
    ['PUT', '/roles', { roles: [] }],
    ['POST', '/logout', undefined],
    ['POST', '/unlock', undefined],
    ['POST', '/password-reset', undefined],
  ] as const)('%s /users/{id}%s %j', async (method, path, body) => {
    const helper = await member(world, { roles: ['helper'] });
    const answer = await world.call(method, `/users/${admin.who.id}${path}`, { token: helper.token, body });
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'target_outranks_caller']);
    expect((await world.call('GET', '/users/me', { token: admin.token })).json()).toMatchObject({
      disabled: false,
      first_name: 'Ada',
    });
  });

  test('nobody grants a role that holds what they lack, to others, to themselves, or to a new account', async () => {
    const helper = await member(world, { roles: ['helper'] });
    const ada = await member(world);
    for (const id of [ada.who.id, helper.who.id]) {
      const answer = await world.call('PUT', `/users/${id}/roles`, {
        token: helper.token,
        body: { roles: ['user', 'helper', 'admin'] },
      });
      expect([answer.statusCode, answer.json().code]).toEqual([403, 'grant_exceeds_own']);
    }
    const made = await world.call('POST', '/users', {
      token: helper.token,
      body: { email: fresh(), first_name: 'A', last_name: 'B', roles: ['admin'] },
    });
    expect(made.json().code).toBe('grant_exceeds_own');
    const allowed = await world.call('PUT', `/users/${ada.who.id}/roles`, {
      token: helper.token,
      body: { roles: ['user', 'helper'] },
    });
    expect([allowed.statusCode, allowed.json().roles]).toEqual([200, ['helper', 'user']]);
    const refused = await world.deps.db.rows(sql`
      select from audit_events where type = 'role.granted' and outcome = 'refusal' and reason = 'grant_exceeds_own'`);
    expect(refused).toHaveLength(2);
  });

  test('granting roles needs a recent login', async () => {
    const [boss, ada] = [await member(world, { roles: ['admin'] }), await member(world)];
    world.deps.clock.advance(601);
    const answer = await world.call('PUT', `/users/${ada.who.id}/roles`, {
      token: boss.token,
      body: { roles: ['admin'] },
    });
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'reauthentication_required']);
    admin = { who: admin.who, token: (await logIn(world, admin.who)).access_token };
    await world.call('DELETE', `/users/${boss.who.id}`, { token: admin.token });
  });
});

describe('the last administrator stays', () => {
  test('of two who demote each other at once, one stays; nor can the last be disabled, removed or leave', async () => {
    for (let round = 0; round < 5; round++) {
      const other = await member(world, { roles: ['admin'] });
      const demote = (by: Member, whom: Member) =>
        world.call('PUT', `/users/${whom.who.id}/roles`, { token: by.token, body: { roles: ['user'] } });
      const answers = await Promise.all([demote(admin, other), demote(other, admin)]);
      expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
      if (answers[1]?.statusCode === 200) admin = other;
      expect(await rolesOf(admin.who.id)).toContain('admin');
    }
    const id = admin.who.id;
    const tries = await Promise.all([
      world.call('PUT', `/users/${id}/roles`, { token: admin.token, body: { roles: [] } }),
      world.call('PATCH', `/users/${id}`, { token: admin.token, body: { disabled: true } }),
      world.call('DELETE', `/users/${id}`, { token: admin.token }),
      world.call('DELETE', '/users/me', { token: admin.token }),
    ]);
    expect(tries.map(answer => answer.json().code)).toEqual(Array(4).fill('last_administrator'));
  });

  test('an administrator who was made and has no way in yet is none that could take over', async () => {
    const email = 'heir@example.com';
    const body = { email, first_name: 'He', last_name: 'Ir', roles: ['admin'] };
    const heir = await world.call('POST', '/users', { token: admin.token, body });
    expect(heir.statusCode).toBe(201);
    const demote = () =>
      world.call('PUT', `/users/${admin.who.id}/roles`, { token: admin.token, body: { roles: ['user'] } });
    expect((await demote()).json().code).toBe('last_administrator');
    const token = (await mailsTo(world, email)).at(-1)?.secrets.token;
    const choice = { token, new_password: 'Correct-horse-7', confirm_new_password: 'Correct-horse-7' };
    expect((await world.call('POST', '/password-reset/confirm', { body: choice })).statusCode).toBe(200);
    expect((await demote()).statusCode).toBe(200);
    const { access_token } = await logIn(world, { id: heir.json().id, email, password: 'Correct-horse-7' });
    admin = { who: { id: heir.json().id, email, password: 'Correct-horse-7' }, token: access_token };
  });

  test('two disabled at once, one by the other: an administrator who may log in remains', async () => {
    const other = await member(world, { roles: ['admin'] });
    const disable = (by: Member, whom: Member) =>
      world.call('PATCH', `/users/${whom.who.id}`, { token: by.token, body: { disabled: true } });
    const answers = await Promise.all([disable(admin, other), disable(other, admin)]);
    expect(statuses(answers)[0]).toBe(200);
    expect(statuses(answers)[1]).toBeGreaterThan(400);
    if (answers[1]?.statusCode === 200) admin = other;
    expect((await world.call('GET', '/users/me', { token: admin.token })).statusCode).toBe(200);
  });
});
