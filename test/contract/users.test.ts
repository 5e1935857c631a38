// http-api.md **Users** and **Password and email (seed)**.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectIssues, expectProblem } from '../support/contract.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, PASSWORD, person } from '../support/people.ts';
import { addTotp } from '../support/totp.ts';

const NEW = 'Entirely-other-7';

let world: TestApp;
beforeAll(async () => {
  world = await contractApp();
});
afterAll(() => world.close());

async function member(options: Parameters<typeof person>[1] = {}) {
  const who = await person(world, options);
  const { access_token: token, refresh_token } = await logIn(world, who);
  return { who, token, refresh_token };
}
const get = (url: string, token: string) => world.call('GET', url, { token });
const put = (token: string, body: object) => world.call('PUT', '/users/me', { token, body });
const login = (username: string, password = PASSWORD) =>
  world.call('POST', '/token', { form: { username, password } });
const secretsOf = async (email: string, template: string) =>
  (await mailsTo(world, email))
    .filter(mail => mail.template === template)
    .map(({ secrets }) => secrets.token as string);
const verify = (token: string | undefined) => world.call('POST', `/verify-email/${token}`);
const ask = (email: string) => world.call('POST', '/password-reset/request', { body: { email } });
const confirm = (token: string | undefined, password = NEW, again = password) =>
  world.call('POST', '/password-reset/confirm', {
    body: { token, new_password: password, confirm_new_password: again },
  });

describe('GET and PUT /users/me', () => {
  test('200 User, with the members of the contract and no others', async () => {
    const { who, token } = await member();
    expect((await get('/users/me', token)).json()).toEqual({
      id: who.id,
      email: who.email,
      username: who.email,
      full_name: 'Ada Lovelace',
      first_name: 'Ada',
      last_name: 'Lovelace',
      phone_number: null,
      disabled: false,
      roles: ['user'],
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      last_login: expect.stringMatching(/Z$/),
      email_verified: true,
      pending_email: null,
      mfa_enabled: false,
    });
  });

  test('full_name follows the two names unless it is given; what is left out stays', async () => {
    const { token } = await member();
    expect((await put(token, { first_name: 'Augusta' })).json()).toMatchObject({
      first_name: 'Augusta',
      last_name: 'Lovelace',
      full_name: 'Augusta Lovelace',
    });
    expect((await put(token, { last_name: 'King', full_name: 'Lady Lovelace' })).json().full_name).toBe(
      'Lady Lovelace',
    );
    expect((await put(token, { phone_number: '+254712345678' })).json()).toMatchObject({
      phone_number: '+254712345678',
      full_name: 'Lady Lovelace',
    });
    expect((await put(token, {})).statusCode).toBe(200);
  });

  test('a username is one for all, in any case and width; 409 username_taken', async () => {
    const [one, two] = [await member(), await member()];
    expect((await put(one.token, { username: 'Enchantress' })).json().username).toBe('Enchantress');
    for (const username of ['Enchantress', 'ENCHANTRESS', 'Ｅnchantress'])
      expectProblem(await put(two.token, { username }), 'username_taken');
    expect((await login('enchantress')).statusCode).toBe(200);
    expect((await login(one.who.email)).statusCode).toBe(200);
    expectIssues(await put(two.token, { username: one.who.email }), 'body.username value_error');
    expect((await put(one.token, { username: one.who.email.toUpperCase() })).json().username).toBe(
      one.who.email,
    );
  });

  test('422 for what a person cannot change or what is no text', async () => {
    const { token } = await member();
    for (const name of [
      'id',
      'disabled',
      'roles',
      'email_verified',
      'created_at',
      'last_login',
      'mfa_enabled',
      'password',
      'pending_email',
    ])
      expectIssues(await put(token, { [name]: 'x' }), `body.${name} extra_forbidden`);
    expectIssues(await put(token, { first_name: '' }), 'body.first_name string_too_short');
    expectIssues(await put(token, { first_name: 1 }), 'body.first_name string_type');
    expectIssues(await put(token, { phone_number: 'call me' }), 'body.phone_number string_pattern_mismatch');
    expectIssues(await put(token, { email: 'nope' }), 'body.email value_error');
    expectIssues(await world.call('PUT', '/users/me', { token }), 'body missing');
    expectIssues(await put(token, { username: 'a@b.example' }), 'body.username value_error');
  });

  test('a new email is pending until it is confirmed from the new mailbox; the old one is told, and can undo it', async () => {
    const { who, token } = await member({ email: 'old@example.com' });
    const changed = await put(token, { email: 'New@example.com' });
    expect(changed.json()).toMatchObject({ email: 'old@example.com', pending_email: 'New@example.com' });
    expect((await login('new@example.com')).statusCode).toBe(401);
    const proof = (await mailsTo(world, 'New@example.com')).at(-1)?.secrets.token as string;
    const confirmed = await verify(proof);
    expect([confirmed.statusCode, confirmed.json()]).toEqual([
      200,
      { message: 'Email verified successfully' },
    ]);
    expect((await login('new@example.com')).statusCode).toBe(200);
    const me = await get('/users/me', (await login('new@example.com')).json().access_token);
    expect(me.json()).toMatchObject({
      email: 'New@example.com',
      username: 'New@example.com',
      pending_email: null,
      email_verified: true,
    });
    // Reserved for 72 hours.
    const body = { first_name: 'M', last_name: 'M', phone_number: '+254712345678', email: 'old@example.com' };
    expectProblem(await world.call('POST', '/signup', { body }), 'email_taken');
    const told = (await mailsTo(world, who.email)).find(({ secrets }) => secrets.token !== undefined);
    expect(told).toBeDefined();
    const undo = () => world.call('POST', '/email-change/undo', { body: { token: told?.secrets.token } });
    expect((await undo()).statusCode).toBe(200);
    expectProblem(await undo(), 'invalid_verification_token');
    expect((await login('old@example.com')).statusCode).toBe(200);
  });

  test('the old address is reserved for 72 hours, and no longer', async () => {
    const { token } = await member({ email: 'kept@example.com' });
    await put(token, { email: 'moved@example.com' });
    const proof = (await mailsTo(world, 'moved@example.com')).at(-1)?.secrets.token as string;
    expect((await verify(proof)).statusCode).toBe(200);
    const body = {
      first_name: 'M',
      last_name: 'M',
      phone_number: '+254712345678',
      email: 'kept@example.com',
    };
    world.deps.clock.advance(72 * 3600 - 1);
    expectProblem(await world.call('POST', '/signup', { body }), 'email_taken');
    world.deps.clock.advance(2);
    expect((await world.call('POST', '/signup', { body })).statusCode).toBe(200);
  });

  test('another address needs a recent login', async () => {
    const { token } = await member();
    world.deps.clock.advance(601);
    expectProblem(await put(token, { email: 'later@example.com' }), 'reauthentication_required');
    expect((await put(token, { first_name: 'Later' })).statusCode).toBe(200);
  });
});

describe('POST /users/me/password', () => {
  const change = (token: string, current: string, next = NEW, again = next) =>
    world.call('POST', '/users/me/password', {
      token,
      body: { current_password: current, new_password: next, confirm_new_password: again },
    });

  test('204, and every other session ends', async () => {
    const { who, token } = await member();
    const other = await logIn(world, who);
    const answer = await change(token, PASSWORD);
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
    expect((await get('/users/me', token)).statusCode).toBe(200);
    expectProblem(await get('/users/me', other.access_token), 'token_revoked');
    expectProblem(await login(who.email), 'invalid_credentials');
    expect((await login(who.email, NEW)).statusCode).toBe(200);
  });

  test('the wrong one, a weak one, two that differ, the same one again', async () => {
    const { token } = await member();
    expectProblem(await change(token, 'wrong'), 'wrong_password');
    const weak = await change(token, PASSWORD, 'weak');
    expectProblem(weak, 'validation_failed');
    expect(weak.json().detail[0].loc).toEqual(['body', 'new_password']);
    expectIssues(await change(token, PASSWORD, NEW, `${NEW}x`), 'body.confirm_new_password passwords_differ');
    expectIssues(await change(token, PASSWORD, PASSWORD), 'body.new_password password_used_before');
    expectIssues(
      await world.call('POST', '/users/me/password', { token, body: {} }),
      'body.current_password missing',
      'body.new_password missing',
      'body.confirm_new_password missing',
    );
  });
});

describe('sessions, permissions, export, closing', () => {
  test('the list names the device, the current one, and a session ends by its id', async () => {
    const { who, token } = await member();
    const form = { username: who.email, password: PASSWORD };
    const there = (
      await world.call('POST', '/token', { form, headers: { 'user-agent': 'Phone/1' }, ip: '203.0.113.9' })
    ).json();
    const { items, next_cursor } = (await get('/users/me/sessions', token)).json();
    expect(next_cursor).toBeNull();
    expect(items).toHaveLength(2);
    const other = items.find(({ current }: { current: boolean }) => !current);
    expect(items.find(({ current }: { current: boolean }) => current)).toEqual({
      id: JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()).sid,
      ip: '127.0.0.1',
      user_agent: expect.any(String),
      amr: ['pwd'],
      created_at: world.deps.clock.now().toISOString(),
      last_seen_at: world.deps.clock.now().toISOString(),
      expires_at: expect.stringMatching(/Z$/),
      current: true,
    });
    expect(other).toMatchObject({ ip: '203.0.113.9', user_agent: 'Phone/1', current: false, amr: ['pwd'] });
    const end = (id: string) => world.call('DELETE', `/users/me/sessions/${id}`, { token });
    const answer = await end(other.id);
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
    expectProblem(await get('/users/me', there.access_token), 'token_revoked');
    expectProblem(await end(other.id), 'session_not_found');
    expectProblem(await end(world.deps.random.uuid()), 'session_not_found');
    expectProblem(await end('not-a-uuid'), 'validation_failed');
    const stranger = await member();
    const [theirs] = (await get('/users/me/sessions', stranger.token)).json().items;
    expectProblem(await end(theirs.id), 'session_not_found');
  });

  test('what I may do', async () => {
    expect((await get('/users/me/permissions', (await member()).token)).json()).toEqual({
      roles: ['user'],
      permissions: [],
    });
    const admin = (await get('/users/me/permissions', (await member({ roles: ['admin'] })).token)).json();
    expect(admin.roles.toSorted()).toEqual(['admin', 'user']);
    expect(admin.permissions).toEqual(
      expect.arrayContaining([
        'users:read',
        'users:write',
        'roles:read',
        'roles:write',
        'clients:read',
        'clients:write',
        'audit:read',
        'sessions:revoke',
        'tokens:introspect',
        'keys:rotate',
      ]),
    );
  });

  test('the export holds the profile and no secret; closing is 204, and then nobody is there', async () => {
    const { who, token, refresh_token } = await member();
    const exported = await get('/users/me/export', token);
    expect(exported.body).toContain(who.email);
    expect(exported.body).not.toMatch(/\$2[aby]\$|seed|secret/);
    expect((await world.call('DELETE', '/users/me', { token })).statusCode).toBe(204);
    expectProblem(await get('/users/me', token), 'invalid_token');
    expectProblem(
      await world.call('POST', '/refresh-token', { body: { refresh_token } }),
      'invalid_refresh_token',
    );
    expectProblem(await login(who.email), 'invalid_credentials');
    const body = { first_name: 'A', last_name: 'B', phone_number: '+254712345678', email: who.email };
    expect((await world.call('POST', '/signup', { body })).statusCode).toBe(200);
  });
});

describe('POST /password-reset', () => {
  const SENT = { message: 'If the email exists, a reset link has been sent' };

  test('request: 200 and one answer for all, by body or query; the token goes by mail only', async () => {
    const { who } = await member();
    for (const answer of [
      await ask(who.email),
      await ask('nobody@example.com'),
      await world.call('POST', `/password-reset/request?email=${encodeURIComponent(who.email)}`),
    ])
      expect([answer.statusCode, answer.json()]).toEqual([200, SENT]);
    const [token] = await secretsOf(who.email, 'reset-password');
    expect(token).toMatch(/^[\w-]{43}$/);
  });

  test('request: 422 without an address or with what is none', async () => {
    expectIssues(await world.call('POST', '/password-reset/request', { body: {} }), 'body.email missing');
    expectIssues(await world.call('POST', '/password-reset/request'), 'body.email missing');
    expectIssues(
      await world.call('POST', '/password-reset/request', { body: { email: 5 } }),
      'body.email string_type',
    );
  });

  test('confirm: 200 once; ends every session, lifts a lock, voids the other tokens', async () => {
    const { who, token: access, refresh_token } = await member();
    await ask(who.email);
    world.deps.clock.advance(120);
    await ask(who.email);
    const tokens = await secretsOf(who.email, 'reset-password');
    for (let attempt = 0; attempt < 5; attempt++) await login(who.email, 'wrong');
    expectProblem(await login(who.email), 'too_many_attempts');
    const used = tokens.at(-1);
    const answer = await confirm(used);
    expect([answer.statusCode, answer.json()]).toEqual([200, { message: 'Password updated successfully' }]);
    expectProblem(await get('/users/me', access), 'token_revoked');
    expectProblem(
      await world.call('POST', '/refresh-token', { body: { refresh_token } }),
      'invalid_refresh_token',
    );
    for (const token of tokens) expectProblem(await confirm(token, 'Yet-another-8'), 'invalid_reset_token');
    expect((await login(who.email, NEW)).statusCode).toBe(200);
  });

  test('confirm: it starts no session, and neither satisfies nor removes a second factor', async () => {
    const { who, token: access } = await member();
    const { code } = await addTotp(world, access);
    await ask(who.email);
    const answer = await confirm((await secretsOf(who.email, 'reset-password')).at(-1));
    expect([answer.statusCode, answer.json()]).toEqual([200, { message: 'Password updated successfully' }]);
    expect(answer.headers['set-cookie']).toBeUndefined();
    const asked = await login(who.email, NEW);
    expectProblem(asked, 'mfa_required');
    world.deps.clock.advance(30);
    const { mfa_token } = asked.json();
    const body = { mfa_token, factor: 'totp', code: code() };
    expect((await world.call('POST', '/token/mfa', { body })).statusCode).toBe(200);
  });

  test('confirm: 400 "Passwords do not match", 400 invalid_reset_token, 422 by the policy, and none consumes it', async () => {
    const { who } = await member();
    await ask(who.email);
    const [token] = await secretsOf(who.email, 'reset-password');
    expectProblem(await confirm(token, NEW, `${NEW}x`), 'passwords_differ', 'Passwords do not match');
    const weak = await confirm(token, 'weak');
    expectProblem(weak, 'validation_failed');
    expect(weak.json().detail[0].loc).toEqual(['body', 'new_password']);
    for (const bad of ['', 'x', 'A'.repeat(43)]) expectProblem(await confirm(bad), 'invalid_reset_token');
    expect((await confirm(token)).statusCode).toBe(200);
  });

  test('confirm: an hour, and no password in a URL', async () => {
    const { who } = await member();
    await ask(who.email);
    const [token] = await secretsOf(who.email, 'reset-password');
    const query = new URLSearchParams({ token: token ?? '', new_password: NEW, confirm_new_password: NEW });
    expectProblem(
      await world.call('POST', `/password-reset/confirm?${query.toString()}`),
      'validation_failed',
    );
    world.deps.clock.advance(3600);
    expectProblem(await confirm(token), 'invalid_reset_token');
    expect((await login(who.email)).statusCode).toBe(200);
  });
});

describe('POST /verify-email', () => {
  async function unverified() {
    const found = await member({ verified: false });
    const sent = await world.call('POST', '/verify-email', { token: found.token });
    expect(sent.statusCode, sent.body).toBe(202);
    return found;
  }

  test('200 once, within a day; 404 "Invalid verification token"', async () => {
    const { who, token } = await unverified();
    const [proof] = await secretsOf(who.email, 'verify-email');
    expect((await verify(proof)).json()).toEqual({ message: 'Email verified successfully' });
    expect((await get('/users/me', token)).json().email_verified).toBe(true);
    for (const bad of [proof, 'x', 'A'.repeat(43)])
      expectProblem(await verify(bad), 'invalid_verification_token', 'Invalid verification token');
    expectProblem(await world.call('POST', '/verify-email', { token }), 'already_verified');
    const late = await unverified();
    const [stale] = await secretsOf(late.who.email, 'verify-email');
    world.deps.clock.advance(86_400);
    expectProblem(await verify(stale), 'invalid_verification_token');
  });

  test("a mail scanner's GET consumes nothing", async () => {
    const { who } = await unverified();
    const [proof] = await secretsOf(who.email, 'verify-email');
    await world.call('GET', `/verify-email/${proof}`);
    await world.call('HEAD', `/verify-email/${proof}`);
    expect((await verify(proof)).statusCode).toBe(200);
  });

  test('a bearer is needed for another mail', async () => {
    expectProblem(await world.call('POST', '/verify-email'), 'not_authenticated');
  });
});
