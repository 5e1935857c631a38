import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { ada, PASSWORD, signupSteps } from '../../test/support/signup-steps.ts';
import { ensureTrailKeys } from '../audit/personal-fields.ts';
import type { Db } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';
import { begin } from './begin.ts';
import { finish } from './finish.ts';

const caller = { requestId: 'test', ip: '203.0.113.7', userAgent: 'test' };

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const { step1, step2 } = signupSteps(() => world);

describe('the two steps', () => {
  test('step 1 gives a token, in the body and as a cookie, and step 2 a user who can log in', async () => {
    const first = await step1('Ada@Example.com');
    expect(first.statusCode, first.body).toBe(200);
    const { signup_token, ...rest } = first.json();
    expect(rest).toEqual({
      message: 'User information collected',
      email: 'Ada@example.com',
      expires_at: '2026-11-24T12:00:00.000Z',
    });
    expect(first.headers['set-cookie']).toBe(
      `signup_token=${signup_token}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax`,
    );
    expect(first.headers['cache-control']).toBe('no-store');

    const second = await world.call('POST', '/api/v1/signup/set-password', {
      headers: { cookie: `other=1; signup_token=${signup_token}` },
      body: { email: 'ADA@EXAMPLE.COM', password: PASSWORD, confirm_password: PASSWORD },
    });
    expect(second.statusCode, second.body).toBe(200);
    expect(second.json()).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email: 'Ada@example.com',
      username: 'Ada@example.com',
      full_name: 'Ada Lovelace',
      first_name: 'Ada',
      last_name: 'Lovelace',
      phone_number: '+254712345678',
      disabled: false,
      roles: ['user'],
      created_at: '2026-11-23T12:00:00.000Z',
      last_login: null,
      email_verified: false,
      pending_email: null,
      mfa_enabled: false,
    });
    expect(second.headers['set-cookie']).toMatch(/^signup_token=; Path=\/; Max-Age=0/);

    const login = await world.call('POST', '/token', {
      form: { username: 'ada@example.com', password: PASSWORD },
    });
    expect(login.statusCode).toBe(200);

    const { id } = second.json();
    expect(
      await world.deps.db.rows(
        sql`select template, recipient, secrets_sealed is not null as sealed from outbox where user_id = ${id}::uuid`,
      ),
    ).toEqual([{ template: 'verify-email', recipient: 'Ada@example.com', sealed: true }]);
    expect(
      await world.deps.db.rows(sql`
        select purpose, sent_to, expires_at - created_at = '24 hours' as day from challenges where user_id = ${id}::uuid
        and purpose = 'verify-email'`),
    ).toEqual([{ purpose: 'verify-email', sent_to: 'Ada@example.com', day: true }]);
    expect(
      await world.deps.db.rows(
        sql`select type from audit_events where user_id = ${id}::uuid order by created_at, id limit 2`,
      ),
    ).toEqual([{ type: 'signup.started' }, { type: 'signup.completed' }]);
  });

  test('who signed up leaves nothing of it behind when they close their account', async () => {
    const email = 'gone@example.com';
    const { signup_token } = (await step1(email)).json();
    expect((await step2(email, signup_token)).statusCode).toBe(200);
    const form = { username: email, password: PASSWORD };
    const { access_token: token } = (await world.call('POST', '/token', { form })).json();
    expect((await world.call('DELETE', '/users/me', { token })).statusCode).toBe(204);
    expect(
      await world.deps.db.rows(sql`select purpose, data from challenges where lower(sent_to) = ${email}`),
    ).toEqual([]);
  });

  test('a taken address is refused at step 1 and, when it was taken meanwhile, at step 2', async () => {
    const early = (await step1('grace@example.com')).json().signup_token;
    const first = (await step1('Grace@Example.com')).json().signup_token;
    expect((await step2('grace@example.com', first)).statusCode).toBe(200);
    const late = await step2('grace@example.com', early);
    expect(late.statusCode).toBe(400);
    expect(late.json()).toMatchObject({ code: 'email_taken', detail: 'Email already registered' });
    // That spent the sign-up.
    expect((await step2('grace@example.com', early)).json().code).toBe('signup_not_found');
    const again = await step1('GRACE@example.com');
    expect(again.statusCode).toBe(400);
    expect(again.json()).toMatchObject({ code: 'email_taken', detail: 'Email already registered' });
    expect(again.headers['set-cookie']).toBeUndefined();
  });

  test('whoever did not do step 1 for the address cannot do step 2: no token, a made-up one, another address', async () => {
    const { signup_token } = (await step1('joan@example.com')).json();
    for (const [email, token] of [
      ['joan@example.com', undefined],
      ['joan@example.com', 'x'],
      ['joan@example.com', 'A'.repeat(43)],
      ['jean@example.com', signup_token],
    ] as const) {
      const answer = await step2(email, token);
      expect(answer.statusCode).toBe(400);
      expect(answer.json().code).toBe('signup_not_found');
    }
    expect((await step2('joan@example.com', signup_token)).statusCode).toBe(200);
    expect((await step2('joan@example.com', signup_token)).json().code).toBe('signup_not_found');
  });

  test('a refused password consumes nothing, and the issue names the field', async () => {
    const { signup_token } = (await step1('hedy@example.com')).json();
    const weak = await step2('hedy@example.com', signup_token, world, 'short');
    expect(weak.statusCode).toBe(422);
    expect(weak.json().detail[0]).toEqual({
      type: 'string_too_short',
      loc: ['body', 'password'],
      msg: 'Use at least 8 characters.',
    });
    const own = await step2('hedy@example.com', signup_token, world, 'AdaLovelace1');
    expect(own.json().detail[0].type).toBe('password_own_words');
    const differ = await world.call('POST', '/signup/set-password', {
      body: { email: 'hedy@example.com', password: PASSWORD, confirm_password: `${PASSWORD}x`, signup_token },
    });
    expect(differ.statusCode).toBe(422);
    expect(differ.json().detail[0]).toMatchObject({ loc: ['body', 'confirm_password'] });
    expect((await step2('hedy@example.com', signup_token)).statusCode).toBe(200);
  });

  test('a sign-up that a neighbour planted for an address that only looks like it makes no account there', async () => {
    const planted = (await step1('vict\u0131m@example.com')).json().signup_token;
    const cookie = `signup_token=${planted}`;
    for (const url of ['/signup/set-password', '/signup/passkey/options']) {
      const body = { email: 'victim@example.com' };
      const secret = { password: PASSWORD, confirm_password: PASSWORD };
      const answer = await world.call('POST', url, {
        body: url.endsWith('options') ? body : { ...body, ...secret },
        headers: { cookie },
      });
      expect([url, answer.json().code]).toEqual([url, 'signup_not_found']);
    }
    const own = (await step1('Victim@example.com')).json().signup_token;
    expect((await step2('victim@example.com', own)).json().email).toBe('Victim@example.com');
  });

  test('a password and its confirmation are the same however a keyboard composes their accents', async () => {
    const { signup_token } = (await step1('zoe@example.com')).json();
    const [password, confirm_password] = ['Zo\u00eb-sails-9', 'Zoe\u0308-sails-9'];
    const answer = await world.call('POST', '/signup/set-password', {
      body: { email: 'zoe@example.com', password, confirm_password, signup_token },
    });
    expect(answer.statusCode, answer.body).toBe(200);
  });

  test('a pending sign-up ends after 24 hours', async () => {
    const { signup_token } = (await step1('late@example.com')).json();
    world.deps.clock.advance(86_401);
    expect((await step2('late@example.com', signup_token)).json().code).toBe('signup_not_found');
  });

  test('ten step 2 at once for one address and one token, or many: one 200, the others 400', async () => {
    const shared = (await step1('race@example.com')).json().signup_token;
    const answers = await Promise.all(Array.from({ length: 10 }, () => step2('race@example.com', shared)));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(answers.filter(({ statusCode }) => statusCode === 400)).toHaveLength(9);

    const tokens = await Promise.all(
      Array.from({ length: 10 }, async () => (await step1('race2@example.com')).json().signup_token),
    );
    const others = await Promise.all(tokens.map(token => step2('RACE2@example.com', token)));
    expect(others.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(
      new Set(others.filter(({ statusCode }) => statusCode !== 200).map(answer => answer.json().code)),
    ).toEqual(new Set(['email_taken']));
  });

  test('what is not a person is refused: unknown members, an empty name, a phone number in words, no address', async () => {
    const bad = async (body: object) => (await world.call('POST', '/signup', { body })).json().detail[0];
    const good = { ...ada, email: 'x@example.com' };
    expect(await bad({ ...good, roles: ['admin'] })).toMatchObject({
      type: 'extra_forbidden',
      loc: ['body', 'roles'],
    });
    expect(await bad({ ...good, first_name: '   ' })).toMatchObject({ loc: ['body', 'first_name'] });
    expect(await bad({ ...good, phone_number: 'none' })).toMatchObject({ loc: ['body', 'phone_number'] });
    expect(await bad({ ...good, email: 'x' })).toMatchObject({ loc: ['body', 'email'] });
  });

  test('all that is wrong with a person is named at once, so that a form can show it', async () => {
    const body = { ...ada, first_name: ' ', last_name: '  ', email: 'x' };
    const answer = await world.call('POST', '/signup', { body });
    expect(answer.statusCode).toBe(422);
    const issues: { loc: string[] }[] = answer.json().detail;
    expect(issues.map(({ loc }) => loc.at(-1))).toEqual(['first_name', 'last_name', 'email']);
  });

  test('the cookie is Secure where the service is served over HTTPS', async () => {
    const secure = await testApp({ http: { publicUrl: 'https://auth.example.com' } });
    try {
      expect((await step1('s@example.com', secure)).headers['set-cookie']).toMatch(/; Secure$/);
    } finally {
      await secure.close();
    }
  });
});

test('the whole flow costs three statements, and no transaction', async () => {
  const { deps } = world;
  const statements: string[] = [];
  const counted = (name: 'row' | 'rows' | 'run') => (statement: never) => {
    statements.push(name);
    return deps.db[name](statement) as never;
  };
  const db: Db = {
    ...deps.db,
    row: counted('row'),
    rows: counted('rows'),
    run: counted('run'),
    share: (statement, key) => {
      statements.push('share');
      return deps.db.share(statement, key);
    },
    transaction: work => {
      statements.push('transaction');
      return deps.db.transaction(work);
    },
  };
  const watched = { ...deps, db };
  // Once a process: who serves has it before the first request.
  await ensureTrailKeys(watched);
  statements.length = 0;
  const { token } = await begin(watched, caller, {
    firstName: 'Ada',
    lastName: 'Lovelace',
    email: 'count@example.com',
    phoneNumber: '+254712345678',
  });
  expect(statements).toHaveLength(1);
  await finish(watched, caller, {
    email: 'count@example.com',
    password: PASSWORD,
    confirmation: PASSWORD,
    token,
  });
  expect(statements.length).toBeLessThanOrEqual(3);
  expect(statements).not.toContain('transaction');
});
