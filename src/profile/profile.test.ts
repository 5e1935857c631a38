import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, type Member, member as newMember, PASSWORD, person } from '../../test/support/people.ts';
import { listEvents } from '../audit/list.ts';
import { sql } from '../platform/sql.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const member = (options?: Parameters<typeof person>[1]) => newMember(world, options);
const put = ({ token }: Member, body: object) => world.call('PUT', '/users/me', { token, body });
const me = async ({ token }: Member) => (await world.call('GET', '/users/me', { token })).json();
const mailed = (template: string, to: string) => mailedToken(world, template, to);

describe('PUT /users/me', () => {
  test('the full name follows the two names unless it is given', async () => {
    const ada = await member();
    expect((await put(ada, { first_name: ' Augusta ' })).json()).toMatchObject({
      first_name: 'Augusta',
      full_name: 'Augusta Lovelace',
    });
    expect((await put(ada, { full_name: 'Countess of Lovelace' })).json().full_name).toBe(
      'Countess of Lovelace',
    );
    expect((await put(ada, { phone_number: '+4407911123456' })).json()).toMatchObject({
      full_name: 'Countess of Lovelace',
      phone_number: '+447911123456',
    });
    expect((await put(ada, { last_name: 'King', phone_number: null })).json()).toMatchObject({
      full_name: 'Augusta King',
      phone_number: null,
    });
  });

  test('a full name that follows two long ones in a script beyond the BMP can be sent back', async () => {
    const ada = await member();
    const name = '\u{1e900}'.repeat(100);
    const { full_name } = (await put(ada, { first_name: name, last_name: name })).json();
    const answer = await put(ada, { full_name });
    expect([answer.statusCode, answer.json().full_name], answer.body).toEqual([200, `${name} ${name}`]);
  });

  test('somebody of one name can send back what was read; nobody else can give up the last name', async () => {
    const [plato, ada] = [await member(), await member()];
    await world.deps.db.run(sql`
      update users set first_name = 'Plato', last_name = '', full_name = 'Plato' where id = ${plato.who.id}::uuid`);
    const { first_name, last_name, full_name, username, phone_number, email } = await me(plato);
    const read = { first_name, last_name, full_name, username, phone_number, email };
    const answer = await put(plato, read);
    expect([answer.statusCode, answer.json()], answer.body).toEqual([200, expect.objectContaining(read)]);
    expect((await put(plato, { first_name: 'Aristocles', last_name: '' })).json().full_name).toBe(
      'Aristocles',
    );
    for (const [who, last_name] of [
      [ada, ''],
      [ada, ' \t'],
      [plato, ' '],
    ] as const) {
      const refused = await put(who, { last_name });
      expect([refused.statusCode, refused.json().detail]).toEqual([
        422,
        [
          {
            type: 'string_too_short',
            loc: ['body', 'last_name'],
            msg: 'String should have at least 1 character',
          },
        ],
      ]);
    }
  });

  test.each([
    { roles: ['admin'] },
    { disabled: false },
    { email_verified: true },
    { id: '00000000-0000-7000-8000-000000000000' },
    { mfa_enabled: true },
    { pending_email: null },
  ])('a member that is not the caller to set is refused, and nothing changes: %j', async extra => {
    const ada = await member();
    const before = await me(ada);
    const answer = await put(ada, { first_name: 'Eve', ...extra });
    expect([answer.statusCode, answer.json().detail[0].type]).toEqual([422, 'extra_forbidden']);
    expect(await me(ada)).toEqual(before);
  });

  test.each([
    { first_name: '' },
    { first_name: '   ' },
    { last_name: 'a\u0007b' },
    { username: 'ab' },
    { username: 'ze\u200bro' },
    { username: 'right\u202eleft' },
    { username: 'x'.repeat(151) },
    { username: 'somebody@example.com' },
    { phone_number: '12' },
    { email: 'no address' },
    { email: 'a\u200b@example.com' },
    { first_name: 1 },
  ])('%j is refused with 422', async body => {
    expect((await put(await member(), body)).statusCode).toBe(422);
  });

  test('a username compares without case, is free again when given up, and follows the address when it is the address', async () => {
    const [ada, eve] = [await member(), await member()];
    expect((await put(ada, { username: 'Lovelace' })).json().username).toBe('Lovelace');
    const taken = await put(eve, { username: 'LOVELACE', first_name: 'Eve' });
    expect([taken.statusCode, taken.json().code]).toEqual([409, 'username_taken']);
    expect((await me(eve)).first_name).toBe('Ada');
    const login = await world.call('POST', '/token', {
      form: { username: 'lovelacE', password: ada.who.password },
    });
    expect(login.statusCode).toBe(200);
    expect((await put(ada, { username: ada.who.email.toUpperCase() })).json().username).toBe(ada.who.email);
    expect((await put(eve, { username: 'lovelace' })).statusCode).toBe(200);
  });

  test('of ten callers at once for one username, one gets it', async () => {
    const callers = await Promise.all(Array.from({ length: 10 }, () => member()));
    const answers = await Promise.all(callers.map(caller => put(caller, { username: 'the-one-name' })));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(answers.filter(answer => answer.json().code === 'username_taken')).toHaveLength(9);
  });

  test('two people who swap names at once do not wait for each other for ever', async () => {
    const [ada, eve] = [await member(), await member()];
    await put(ada, { username: 'name-a' });
    await put(eve, { username: 'name-b' });
    const answers = await Promise.all([put(ada, { username: 'name-b' }), put(eve, { username: 'name-a' })]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([409, 409]);
  });
});

describe('verification', () => {
  test('another mail is sent to who is not verified, and its link works once', async () => {
    const ada = await member({ verified: false });
    expect((await world.call('POST', '/verify-email', { token: ada.token })).statusCode).toBe(202);
    const token = await mailed('verify-email', ada.who.email);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => world.call('POST', `/verify-email/${token}`)),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect((await me(ada)).email_verified).toBe(true);
    const again = await world.call('POST', '/verify-email', { token: ada.token });
    expect([again.statusCode, again.json().code]).toEqual([409, 'already_verified']);
  });

  test('a link proves the mailbox that it went to, and no other', async () => {
    const ada = await member({ verified: false });
    await world.call('POST', '/verify-email', { token: ada.token });
    const token = await mailed('verify-email', ada.who.email);
    const moved = `moved-${ada.who.email}`;
    await world.deps.db.run(sql`update users set email = ${moved} where id = ${ada.who.id}::uuid`);
    expect((await world.call('POST', `/verify-email/${token}`)).statusCode).toBe(404);
    expect(await me(ada)).toMatchObject({ email: moved, email_verified: false });
  });

  test('a link dies after a day', async () => {
    const ada = await member({ verified: false });
    await world.call('POST', '/verify-email', { token: ada.token });
    const token = await mailed('verify-email', ada.who.email);
    world.deps.clock.advance(86_401);
    expect((await world.call('POST', `/verify-email/${token}`)).statusCode).toBe(404);
  });
});

describe('leaving', () => {
  test('the export has everything that is stored, and no secret', async () => {
    const ada = await member();
    const answer = await world.call('GET', '/users/me/export', { token: ada.token });
    const told = answer.json();
    expect(told.user).toEqual(expect.objectContaining(await me(ada)));
    expect(told.sessions).toHaveLength(1);
    const now = world.deps.clock.now().toISOString();
    expect(told.names).toEqual([
      { name: ada.who.email, kind: 'email', reserved_until: null, verified_at: told.user.email_verified_at },
    ]);
    expect(told.user.email_verified_at).toBe(now);
    expect(told.sessions[0]).toMatchObject({ created_at: now, last_seen_at: now, ended_at: null });
    expect([told.password.changed_at, told.roles[0].granted_at]).toEqual([now, now]);
    const times = answer.body.match(/"\d{4}-\d\d-\d\dT[^"]*"/g) ?? [];
    expect(times.length).toBeGreaterThan(10);
    for (const time of times) expect(time).toMatch(/^"[\d-]{10}T[\d:]{8}\.\d{3}Z"$/);
    expect(told.activity.map(({ type }: { type: string }) => type)).toContain('login.succeeded');
    const hash = await world.deps.db.row<{ hash: string }>(
      sql`select hash from passwords where user_id = ${ada.who.id}::uuid`,
    );
    expect(answer.body).not.toContain(hash?.hash);
    expect(answer.body).not.toMatch(/_hash|_sealed|seed/);
  });

  test('where login needs a verified address, the export does not tell whether a new address is taken', async () => {
    const hiding = await testApp({ requireVerifiedEmail: true });
    try {
      const { email: taken } = await person(hiding);
      const exports = await Promise.all(
        [taken, `${hiding.deps.random.uuid()}@example.com`].map(async email => {
          const { who, token } = await newMember(hiding);
          const answer = await hiding.call('PUT', '/users/me', { token, body: { email } });
          expect(answer.json().pending_email).toBe(email);
          const text = (await hiding.call('GET', '/users/me/export', { token })).body;
          return text
            .replaceAll(email, '<new>')
            .replaceAll(who.email, '<own>')
            .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, '<id>');
        }),
      );
      expect(exports[0]).toContain('email-change-notice');
      expect(exports[0]).toBe(exports[1]);
    } finally {
      await hiding.close();
    }
  });

  test('closing removes the account, frees its names, and leaves a history that tells no names', async () => {
    const ada = await member();
    const answer = await world.call('DELETE', '/users/me', { token: ada.token });
    expect(answer.statusCode).toBe(204);
    expect((await world.call('GET', '/users/me', { token: ada.token })).statusCode).toBe(401);
    expect((await mailsTo(world, ada.who.email)).at(-1)?.template).toBe('account-closed');
    const key = await world.deps.db.row(
      sql`select secret, key_sealed from audit_keys where user_id = ${ada.who.id}::uuid`,
    );
    expect(key).toEqual({ secret: null, key_sealed: null });
    await person(world, { email: ada.who.email });
  });

  test('closing makes unreadable what the trail knew of the address since it was first named at a sign-up', async () => {
    const email = `${world.deps.random.uuid()}@example.com`;
    const names = { first_name: 'Ada', last_name: 'Lovelace', phone_number: '+254712345678' };
    const begin = () => world.call('POST', '/signup', { body: { ...names, email } });
    const { signup_token } = (await begin()).json();
    const body = { email, password: PASSWORD, confirm_password: PASSWORD, signup_token };
    const { id } = (await world.call('POST', '/signup/set-password', { body })).json();
    expect((await begin()).json().code).toBe('email_taken');
    const { access_token } = await logIn(world, { id, email, password: PASSWORD });
    const tellingOf = async () =>
      (await listEvents(world.deps, {}, { limit: 200 })).items.filter(event =>
        JSON.stringify(event).includes(email),
      );
    const told = (await tellingOf()).map(({ type, user_id }) => [type, user_id]);
    expect(told).toEqual([
      ['signup.failed', id],
      ['signup.started', id],
    ]);
    await world.call('DELETE', '/users/me', { token: access_token });
    expect(await tellingOf()).toEqual([]);
  });

  test('closing needs a recent login, and the last administrator stays', async () => {
    const boss = await member({ roles: ['admin'] });
    const answer = await world.call('DELETE', '/users/me', { token: boss.token });
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'last_administrator']);
    const other = await member({ roles: ['admin'] });
    const answers = await Promise.all(
      [boss, other].map(({ token }) => world.call('DELETE', '/users/me', { token })),
    );
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([204, 409]);
    const late = await member();
    world.deps.clock.advance(601);
    expect((await world.call('DELETE', '/users/me', { token: late.token })).json().code).toBe(
      'reauthentication_required',
    );
  });
});
