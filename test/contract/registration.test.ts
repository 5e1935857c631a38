// http-api.md **Registration (seed)**.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectIssues, expectProblem } from '../support/contract.ts';
import { type TestIssuer, testIssuer } from '../support/issuer.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, person } from '../support/people.ts';

const PASSWORD = 'Correct-horse-battery-1';
const grace = { first_name: 'Grace', last_name: 'Hopper', phone_number: '+12125550123' };

let world: TestApp;
let hiding: TestApp;
let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await testIssuer(() => new Date('2026-11-23T12:00:00Z'));
  world = await contractApp({ google: { clientIds: ['client-1'], issuer: issuer.url } });
  hiding = await contractApp({ requireVerifiedEmail: true });
});
afterAll(async () => {
  await world.close();
  await hiding.close();
  await issuer.close();
});

const step1 = (email: string, more: object = {}, at = world) =>
  at.call('POST', '/signup', { body: { ...grace, email, ...more } });
const step2 = (body: object, headers: Record<string, string> = {}, at = world) =>
  at.call('POST', '/signup/set-password', { body, headers });
const chosen = (email: string, more: object = {}) => ({
  email,
  password: PASSWORD,
  confirm_password: PASSWORD,
  ...more,
});

describe('POST /signup', () => {
  test('200 with the token in the body and in an HttpOnly, SameSite=Lax cookie for /', async () => {
    const answer = await step1('new@example.com');
    expect(answer.statusCode).toBe(200);
    const { signup_token } = answer.json();
    expect(answer.json()).toEqual({
      message: 'User information collected',
      email: 'new@example.com',
      signup_token: expect.stringMatching(/^[\w-]{43}$/),
      expires_at: '2026-11-24T12:00:00.000Z',
    });
    expect(answer.headers['cache-control']).toBe('no-store');
    const cookie = String(answer.headers['set-cookie']).split('; ');
    expect(cookie[0]).toBe(`signup_token=${signup_token}`);
    expect(cookie).toEqual(expect.arrayContaining(['Path=/', 'HttpOnly', 'SameSite=Lax']));
    expect(cookie).not.toContain('Secure');
  });

  test('over HTTPS the cookie is Secure', async () => {
    const secure = await contractApp({ http: { publicUrl: 'https://auth.example.com' } });
    const answer = await step1('new@example.com', {}, secure);
    expect(answer.headers['set-cookie']).toMatch(/; Secure$/);
    await secure.close();
  });

  test('400 email_taken in any case, width or script of the domain', async () => {
    await person(world, { email: 'taken@xn--bcher-kva.example' });
    for (const email of ['taken@bücher.example', 'TAKEN@XN--BCHER-KVA.EXAMPLE', 'ｔaken@Bücher.example'])
      expectProblem(await step1(email), 'email_taken', 'Email already registered');
  });

  test('422 names every member that is missing or wrong', async () => {
    expectIssues(
      await world.call('POST', '/signup', { body: {} }),
      'body.email missing',
      'body.first_name missing',
      'body.last_name missing',
      'body.phone_number missing',
    );
    for (const email of [
      '',
      'ada',
      'ada@',
      '@example.com',
      'a b@example.com',
      'ada@example',
      'a@b@c.d',
      `${'a'.repeat(65)}@example.com`,
    ])
      expectIssues(await step1(email), 'body.email value_error');
    for (const phone_number of [
      '',
      '123',
      '+1234567890123456',
      '0712 345 678',
      '+25471234567a',
      '++2547123456789',
    ])
      expectIssues(
        await step1('p@example.com', { phone_number }),
        'body.phone_number string_pattern_mismatch',
      );
    expectIssues(await step1('p@example.com', { first_name: '' }), 'body.first_name string_too_short');
    // Nothing is seen of it: zero-width space, Hangul filler.
    for (const first_name of ['\u200b', '\u3164 \u200d'])
      expectIssues(await step1('p@example.com', { first_name }), 'body.first_name string_too_short');
    expectIssues(
      await step1('p@example.com', { last_name: 'x'.repeat(101) }),
      'body.last_name string_too_long',
    );
    expectIssues(await step1('p@example.com', { first_name: 7 }), 'body.first_name string_type');
    expectIssues(await step1('p@example.com', { email: null }), 'body.email string_type');
    expectIssues(await step1('p@example.com', { roles: ['admin'] }), 'body.roles extra_forbidden');
    const all = { first_name: ' ', last_name: 7, phone_number: '123', roles: ['admin'] };
    for (const email of [
      '',
      'ada',
      'ada@',
      '@example.com',
      'ada@example',
      'a@b@c.d',
      `${'@.'.repeat(30_000)}@`,
    ]) {
      const answer = await step1(email, all);
      expect(answer.json().detail, email.slice(0, 20)).toContainEqual({
        type: 'value_error',
        loc: ['body', 'email'],
        msg: 'This is not a valid email address.',
      });
      const { detail } = answer.json() as { detail: { loc: string[] }[] };
      expect(new Set(detail.map(({ loc }) => loc[1]))).toEqual(new Set(['email', ...Object.keys(all)]));
    }
  });
});

describe('POST /signup/set-password', () => {
  test('200 User, with the token of the body; the verification mail is queued', async () => {
    const { signup_token } = (await step1('Grace@Example.com', { phone_number: '0712345678' })).json();
    const answer = await step2(chosen('grace@example.com', { signup_token }));
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json()).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      email: 'Grace@example.com',
      username: 'Grace@example.com',
      full_name: 'Grace Hopper',
      first_name: 'Grace',
      last_name: 'Hopper',
      phone_number: '0712345678',
      disabled: false,
      roles: ['user'],
      created_at: '2026-11-23T12:00:00.000Z',
      last_login: null,
      email_verified: false,
      pending_email: null,
      mfa_enabled: false,
    });
    expect((await mailsTo(world, 'Grace@example.com')).map(({ template }) => template)).toEqual([
      'verify-email',
    ]);
  });

  test('200 with the cookie of step 1; the body wins where both are sent', async () => {
    const { signup_token } = (await step1('cookie@example.com')).json();
    const cookie = `a=b; signup_token=${signup_token}`;
    const other = chosen('cookie@example.com', { signup_token: 'another' });
    expectProblem(await step2(other, { cookie }), 'signup_not_found');
    // Nothing in the body's slot is no token either.
    for (const signup_token of [null, '']) {
      expectProblem(await step2(chosen('cookie@example.com', { signup_token })), 'signup_not_found');
      const passkey = { email: 'cookie@example.com', signup_token };
      const asked = await world.call('POST', '/signup/passkey/options', {
        body: passkey,
        headers: { cookie },
      });
      expect(asked.statusCode).toBe(200);
    }
    const last = chosen('COOKIE@example.com', { signup_token: null });
    expect((await step2(last, { cookie })).statusCode).toBe(200);
  });

  test('400 signup_not_found: none, made up, of another address, spent, a day old', async () => {
    const { signup_token } = (await step1('one@example.com')).json();
    expectProblem(await step2(chosen('one@example.com')), 'signup_not_found');
    for (const token of ['', 'x', 'A'.repeat(43), signup_token.slice(1)])
      expectProblem(await step2(chosen('one@example.com', { signup_token: token })), 'signup_not_found');
    expectProblem(await step2(chosen('two@example.com', { signup_token })), 'signup_not_found');
    expect((await step2(chosen('one@example.com', { signup_token }))).statusCode).toBe(200);
    expectProblem(await step2(chosen('one@example.com', { signup_token })), 'signup_not_found');
    const late = (await step1('late@example.com')).json().signup_token;
    world.deps.clock.advance(86_400);
    expectProblem(await step2(chosen('late@example.com', { signup_token: late })), 'signup_not_found');
    world.deps.clock.advance(-86_400);
  });

  test('the cookie goes with its sign-up: that of another one, begun meanwhile in this browser, stays', async () => {
    const first = (await step1('first@example.com')).json().signup_token;
    const second = (await step1('second@example.com')).json().signup_token;
    const cookie = `signup_token=${second}`;
    const done = await step2(chosen('first@example.com', { signup_token: first }), { cookie });
    expect([done.statusCode, done.headers['set-cookie']]).toEqual([200, undefined]);
    const last = await step2(chosen('second@example.com'), { cookie });
    expect(last.statusCode, last.body).toBe(200);
    expect(last.headers['set-cookie']).toMatch(/^signup_token=; Path=\/; Max-Age=0/);
  });

  test('422 names the field, and consumes nothing; then it works, on the same token', async () => {
    const { signup_token } = (await step1('weak@example.com')).json();
    const differ = await step2({
      ...chosen('weak@example.com', { signup_token }),
      confirm_password: 'Other-one-22',
    });
    expectProblem(differ, 'validation_failed');
    expect(differ.json().detail[0].loc).toEqual(['body', 'confirm_password']);
    for (const password of [
      '',
      'Ab1',
      'alllowercase1',
      'ALLUPPERCASE1',
      'NoDigitsHere',
      'Password1',
      'Weak@example.com1',
    ]) {
      const answer = await step2(
        chosen('weak@example.com', { signup_token, password, confirm_password: password }),
      );
      expectProblem(answer, 'validation_failed');
      for (const issue of answer.json().detail) expect(issue.loc, password).toEqual(['body', 'password']);
    }
    const long = `Aa1${'x'.repeat(254)}`;
    const refused = await step2(
      chosen('weak@example.com', { signup_token, password: long, confirm_password: long }),
    );
    expectIssues(refused, 'body.password string_too_long');
    expect((await step2(chosen('weak@example.com', { signup_token }))).statusCode).toBe(200);
  });

  test('several sign-ups of one address: two step 2 at once, one 200 and the other 400', async () => {
    const tokens = await Promise.all([step1('race@example.com'), step1('race@example.com')]);
    const answers = await Promise.all(
      tokens.map(first => step2(chosen('race@example.com', { signup_token: first.json().signup_token }))),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expectProblem(answers.find(({ statusCode }) => statusCode === 400) as never, 'email_taken');
  });
});

describe('REQUIRE_VERIFIED_EMAIL=true', () => {
  test('a new and a taken address get the same two answers, and the owner of the taken one a mail', async () => {
    await person(hiding, { email: 'taken@example.com' });
    for (const email of ['free@example.com', 'taken@example.com']) {
      const first = await step1(email, {}, hiding);
      expect(first.statusCode).toBe(200);
      expect(Object.keys(first.json()).toSorted()).toEqual([
        'email',
        'expires_at',
        'message',
        'signup_token',
      ]);
      const second = await step2(chosen(email, { signup_token: first.json().signup_token }), {}, hiding);
      expect(second.statusCode, second.body).toBe(202);
      expect(second.json()).toEqual({ message: 'Check your mail to finish', email });
    }
    const told = (await mailsTo(hiding, 'taken@example.com')).map(({ template }) => template);
    expect(told).toContain('email-taken');
  });

  test('the new one logs in after the mailed link, not before: 403 email_not_verified, after the right password only', async () => {
    const login = (password: string) =>
      hiding.call('POST', '/token', { form: { username: 'free@example.com', password } });
    expectProblem(await login('wrong'), 'invalid_credentials');
    expectProblem(await login(PASSWORD), 'email_not_verified');
    const [mail] = await mailsTo(hiding, 'free@example.com');
    const verified = await hiding.call('POST', `/verify-email/${mail?.secrets.token}`);
    expect(verified.json()).toEqual({ message: 'Email verified successfully' });
    expect((await login(PASSWORD)).statusCode).toBe(200);
  });
});

describe('POST /signup/google', () => {
  const google = (body: object) => world.call('POST', '/signup/google', { body });

  test('200 User plus the members of Token', async () => {
    const token = await issuer.idToken({ nonce: 'n-1', email: 'hopper@example.com' });
    const answer = await google({ token, nonce: 'n-1' });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json()).toMatchObject({
      email: 'hopper@example.com',
      email_verified: true,
      roles: ['user'],
      phone_number: null,
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 1800,
      expires_at: expect.any(String),
      refresh_token: expect.stringMatching(/^[\w-]+$/),
    });
    const me = await world.call('GET', '/users/me', { token: answer.json().access_token });
    expect(me.json().email).toBe('hopper@example.com');
  });

  test('the account of an unverified address is claimed: whoever set a password before has nothing left', async () => {
    const who = await person(world, { email: 'squatted@example.com', verified: false });
    const before = await logIn(world, who);
    const answer = await google({ token: await issuer.idToken({ sub: 'owner-1', email: who.email }) });
    expect(answer.json()).toMatchObject({ id: who.id, email_verified: true });
    expectProblem(await world.call('GET', '/users/me', { token: before.access_token }), 'token_revoked');
    const { refresh_token } = before;
    expectProblem(
      await world.call('POST', '/refresh-token', { body: { refresh_token } }),
      'invalid_refresh_token',
    );
    const form = { username: who.email, password: who.password };
    expectProblem(await world.call('POST', '/token', { form }), 'invalid_credentials');
  });

  test('a verified account is linked, its sessions end, and a mailed link removes its password', async () => {
    const who = await person(world, { email: 'linked@example.com' });
    const before = await logIn(world, who);
    const answer = await google({ token: await issuer.idToken({ sub: 'owner-2', email: who.email }) });
    expect(answer.json().id).toBe(who.id);
    expectProblem(await world.call('GET', '/users/me', { token: before.access_token }), 'token_revoked');
    await logIn(world, who);
    const told = (await mailsTo(world, who.email)).find(({ template }) => template === 'identity-linked');
    const removed = await world.call('POST', '/password/remove', { body: { token: told?.secrets.token } });
    expect([removed.statusCode, removed.json()]).toEqual([200, { message: 'Password removed' }]);
    const form = { username: who.email, password: who.password };
    expectProblem(await world.call('POST', '/token', { form }), 'invalid_credentials');
  });

  test('401 invalid_google_token for anything else, 422 for no token', async () => {
    for (const token of [
      'x',
      'a.b.c',
      await issuer.idToken({ aud: 'another' }),
      await issuer.idToken({ exp: 1 }),
    ])
      expectProblem(await google({ token }), 'invalid_google_token', 'Invalid Google token');
    expectIssues(await google({}), 'body.token missing');
    expectIssues(await google({ token: 5 }), 'body.token string_type');
  });

  test('503 with Retry-After when the keys cannot be had and none are cached; 404 when it is off', async () => {
    const cold = await contractApp({ google: { clientIds: ['client-1'], issuer: 'http://127.0.0.1:9' } });
    const token = await issuer.idToken({ iss: 'http://127.0.0.1:9' });
    expectProblem(await cold.call('POST', '/signup/google', { body: { token } }), 'provider_unavailable');
    await cold.close();
    expectProblem(await hiding.call('POST', '/signup/google', { body: { token } }), 'feature_disabled');
  });
});
