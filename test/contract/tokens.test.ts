// http-api.md **Tokens (seed, and beyond)**.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectIssues, expectProblem } from '../support/contract.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, member, PASSWORD, type Person, person } from '../support/people.ts';
import { tampered } from '../support/tampered.ts';
import { addTotp } from '../support/totp.ts';

let world: TestApp;
beforeAll(async () => {
  world = await contractApp();
});
afterAll(() => world.close());

const login = (username: string, password = PASSWORD, more: Record<string, string> = {}) =>
  world.call('POST', '/token', { form: { username, password, ...more } });
const refresh = (refresh_token: string) => world.call('POST', '/refresh-token', { body: { refresh_token } });
const me = (token: string) => world.call('GET', '/users/me', { token });
const partOf = (token: string, index: 0 | 1) =>
  JSON.parse(Buffer.from(token.split('.')[index] as string, 'base64url').toString());

async function withTotp() {
  const { who, token } = await member(world);
  const app = await addTotp(world, token);
  world.deps.clock.advance(30);
  return { who, token, ...app };
}

describe('POST /token', () => {
  test('200 Token by form or JSON, by address or username, in any case', async () => {
    const ada = await person(world, { email: 'Ada@example.com' });
    const { access_token } = await logIn(world, ada);
    await world.call('PUT', '/users/me', { token: access_token, body: { username: 'Countess' } });
    for (const username of ['Ada@example.com', 'ADA@EXAMPLE.COM', 'countess', 'COUNTESS', ' countess ']) {
      const answer = await login(username, PASSWORD, { grant_type: 'password', scope: 'anything' });
      expect(answer.statusCode, username + answer.body).toBe(200);
      expect(answer.headers['cache-control']).toBe('no-store');
      const { device_token: _device, ...token } = answer.json();
      expect(token).toEqual({
        access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        token_type: 'bearer',
        expires_in: 1800,
        expires_at: '2026-11-23T12:30:00.000Z',
        refresh_token: expect.stringMatching(/^[\w-]+$/),
      });
    }
    const json = await world.call('POST', '/token', { body: { username: ada.email, password: PASSWORD } });
    expect(json.statusCode).toBe(200);
    const last = (await me(json.json().access_token)).json().last_login;
    expect(last).toBe('2026-11-23T12:00:00.000Z');
  });

  test('the access token is a JWT of type at+jwt with exactly these claims', async () => {
    const ada = await person(world);
    const { access_token } = await logIn(world, ada);
    expect(partOf(access_token, 0)).toMatchObject({ alg: 'HS256', typ: 'at+jwt' });
    const now = world.deps.clock.now().getTime() / 1000;
    expect(partOf(access_token, 1)).toEqual({
      iss: 'http://localhost:8000',
      aud: 'entrecore',
      sub: ada.id,
      iat: now,
      nbf: now,
      exp: now + 1800,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      roles: ['user'],
      permissions: [],
      amr: ['pwd'],
      auth_time: now,
    });
  });

  test('401 with one body for a wrong password, an unknown name, no password and a disabled account', async () => {
    const [ada, disabled] = [await person(world), await person(world)];
    const admin = await logIn(world, await person(world, { roles: ['admin'] }));
    await world.call('PATCH', `/users/${disabled.id}`, {
      token: admin.access_token,
      body: { disabled: true },
    });
    await world.call('POST', '/users', {
      token: admin.access_token,
      body: { email: 'no-password@example.com', first_name: 'N', last_name: 'P' },
    });
    const bodies = new Set<string>();
    for (const [name, password] of [
      [ada.email, 'wrong'],
      ['nobody@example.com', 'wrong'],
      ['nobody', PASSWORD],
      ['no-password@example.com', ''],
      [disabled.email, PASSWORD],
      ['', ''],
    ] as const) {
      const answer = await login(name, password);
      expectProblem(answer, 'invalid_credentials', 'Incorrect username or password');
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      bodies.add(JSON.stringify({ ...answer.json(), request_id: null }));
    }
    expect(bodies.size).toBe(1);
  });

  test('422 for what is missing or no text, 400 for another grant', async () => {
    expectIssues(
      await world.call('POST', '/token', { body: {} }),
      'body.username missing',
      'body.password missing',
    );
    expectIssues(await world.call('POST', '/token', { form: { username: 'a' } }), 'body.password missing');
    expectIssues(
      await world.call('POST', '/token', { body: { username: 'a', password: 1 } }),
      'body.password string_type',
    );
    expectProblem(await login('a', 'b', { grant_type: 'refresh_token' }), 'unsupported_grant_type');
    const twice = await world.app.inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'username=a&username=b&password=c',
    });
    expectProblem(twice, 'malformed_request');
  });

  test('429 too_many_attempts with Retry-After after five wrong ones, known or not; even the right one waits', async () => {
    const ada = await person(world);
    for (const name of [ada.email, 'nobody-at-all@example.com']) {
      for (let attempt = 0; attempt < 5; attempt++)
        expectProblem(await login(name, 'wrong'), 'invalid_credentials');
      const locked = await login(name);
      expectProblem(locked, 'too_many_attempts');
      expect(locked.headers['retry-after']).toBe('900');
      expect(locked.json().error).toBe('slow_down');
    }
  });

  test('403 password_expired after the right password, with a reset_token that works', async () => {
    const expiring = await contractApp({ passwords: { maxAgeDays: 90 } });
    const ada = await person(expiring);
    expiring.deps.clock.advance(91 * 86_400);
    const form = { username: ada.email, password: ada.password };
    expectProblem(
      await expiring.call('POST', '/token', { form: { ...form, password: 'x' } }),
      'invalid_credentials',
    );
    const answer = await expiring.call('POST', '/token', { form });
    expectProblem(answer, 'password_expired');
    const body = {
      token: answer.json().reset_token,
      new_password: 'Entirely-other-7',
      confirm_new_password: 'Entirely-other-7',
    };
    expect((await expiring.call('POST', '/password-reset/confirm', { body })).statusCode).toBe(200);
    const again = await expiring.call('POST', '/token', { form: { ...form, password: 'Entirely-other-7' } });
    expect(again.statusCode).toBe(200);
    await expiring.close();
  });
});

describe('POST /token/mfa', () => {
  const demand = async (who: Person) => {
    const answer = await login(who.email, who.password);
    expectProblem(answer, 'mfa_required');
    expect(answer.json().factors).toEqual(expect.arrayContaining(['totp', 'recovery_code']));
    return answer.json().mfa_token as string;
  };
  const answerWith = (mfa_token: string, factor: string, code: string) =>
    world.call('POST', '/token/mfa', { body: { mfa_token, factor, code } });

  test('200 Token for a right code, once; 401 invalid_mfa_code; a made-up mfa_token is refused', async () => {
    const { who, code: shown, recoveryCodes } = await withTotp();
    const mfaToken = await demand(who);
    expectProblem(await answerWith(mfaToken, 'totp', '000000'), 'invalid_mfa_code');
    const code = shown();
    const answer = await answerWith(mfaToken, 'totp', code);
    expect(answer.statusCode, answer.body).toBe(200);
    expect(partOf(answer.json().access_token, 1).amr).toEqual(expect.arrayContaining(['pwd', 'otp', 'mfa']));
    expectProblem(await answerWith(mfaToken, 'totp', code), 'invalid_mfa_token');
    expectProblem(await answerWith(await demand(who), 'totp', code), 'invalid_mfa_code');
    const recovered = await answerWith(await demand(who), 'recovery_code', recoveryCodes[0] as string);
    expect(partOf(recovered.json().access_token, 1).amr).toContain('recovery');
    for (const token of ['x', '', 'A'.repeat(43)])
      expectProblem(await answerWith(token, 'totp', code), 'invalid_mfa_token');
    expectProblem(await answerWith(await demand(who), 'sms', '123456'), 'invalid_mfa_code');
  });

  test('422 for another factor, no code, no token', async () => {
    const answer = await answerWith('x', 'carrier-pigeon', '1');
    expectProblem(answer, 'validation_failed');
    expect(answer.json().detail[0].loc).toEqual(['body', 'factor']);
    expectIssues(
      await world.call('POST', '/token/mfa', { body: {} }),
      'body.mfa_token missing',
      'body.factor missing',
      'body.code missing',
    );
  });

  test('five wrong codes burn the mfa_token', async () => {
    const { who, code } = await withTotp();
    const mfaToken = await demand(who);
    for (let attempt = 0; attempt < 5; attempt++) {
      expectProblem(await answerWith(mfaToken, 'totp', '000000'), 'invalid_mfa_code');
    }
    expectProblem(await answerWith(mfaToken, 'totp', code()), 'invalid_mfa_token');
  });
});

describe('POST /refresh-token', () => {
  test('200 Token with a new refresh token, by either member and by the deprecated query', async () => {
    const first = await logIn(world, await person(world));
    const second = await refresh(first.refresh_token);
    expect(second.statusCode).toBe(200);
    expect(second.json().refresh_token).not.toBe(first.refresh_token);
    expect(second.json().refresh_token).not.toContain('.');
    expect(partOf(second.json().access_token, 1)).toMatchObject({ sid: partOf(first.access_token, 1).sid });
    const third = await world.call('POST', '/refresh-token', {
      body: { token: second.json().refresh_token },
    });
    expect(third.statusCode).toBe(200);
    const fourth = await world.call('POST', `/refresh-token?token=${third.json().refresh_token}`);
    expect(fourth.statusCode, fourth.body).toBe(200);
    expect((await me(fourth.json().access_token)).statusCode).toBe(200);
  });

  test('400 refresh_token_required, 422 for no text, 401 invalid_refresh_token also for an access token', async () => {
    for (const body of [undefined, {}, { refresh_token: '' }, { token: '' }])
      expectProblem(
        await world.call('POST', '/refresh-token', { body }),
        'refresh_token_required',
        'Refresh token is required',
      );
    expectIssues(
      await world.call('POST', '/refresh-token', { body: { refresh_token: 1 } }),
      'body.refresh_token string_type',
    );
    const { access_token, refresh_token } = await logIn(world, await person(world));
    for (const token of [
      'x',
      access_token,
      `${refresh_token}A`,
      refresh_token.slice(0, -2),
      refresh_token.toLowerCase(),
    ])
      expectProblem(await refresh(token), 'invalid_refresh_token', 'Invalid refresh token');
  });

  test('the predecessor gets the very same successor for 10 s, a repeat does not extend it, and then it is theft', async () => {
    const ada = await person(world);
    const first = await logIn(world, ada);
    const second = (await refresh(first.refresh_token)).json();
    world.deps.clock.advance(6);
    expect((await refresh(first.refresh_token)).json().refresh_token).toBe(second.refresh_token);
    world.deps.clock.advance(5);
    expectProblem(await refresh(first.refresh_token), 'refresh_token_reused');
    expectProblem(await refresh(second.refresh_token), 'invalid_refresh_token');
    expectProblem(await me(second.access_token), 'token_revoked');
    expect((await mailsTo(world, ada.email)).map(({ template }) => template)).toContain(
      'refresh-token-theft',
    );
  });

  test('an older one than the predecessor is theft at once; a grace of 0 means never', async () => {
    const first = await logIn(world, await person(world));
    const second = (await refresh(first.refresh_token)).json();
    await refresh(second.refresh_token);
    expectProblem(await refresh(first.refresh_token), 'refresh_token_reused');
    const strict = await contractApp({ sessions: { reuseGrace: 0 } });
    const { refresh_token } = await logIn(strict, await person(strict));
    const body = { refresh_token };
    expect((await strict.call('POST', '/refresh-token', { body })).statusCode).toBe(200);
    expectProblem(await strict.call('POST', '/refresh-token', { body }), 'refresh_token_reused');
    await strict.close();
  });
});

describe('POST /logout and /logout/all', () => {
  test('the access token and the refresh tokens of the session are dead when the answer arrives', async () => {
    const ada = await person(world);
    const [here, there] = [await logIn(world, ada), await logIn(world, ada)];
    const answer = await world.call('POST', '/logout', { token: here.access_token });
    expect([answer.statusCode, answer.json()]).toEqual([200, { message: 'Successfully logged out' }]);
    expectProblem(await me(here.access_token), 'token_revoked', 'Token has been revoked');
    expectProblem(await refresh(here.refresh_token), 'invalid_refresh_token');
    expectProblem(await world.call('POST', '/logout', { token: here.access_token }), 'token_revoked');
    expect((await me(there.access_token)).statusCode).toBe(200);
    expectProblem(await world.call('POST', '/logout'), 'not_authenticated');
  });

  test('everywhere ends every session', async () => {
    const ada = await person(world);
    const [here, there] = [await logIn(world, ada), await logIn(world, ada)];
    const answer = await world.call('POST', '/logout/all', { token: here.access_token });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { message: 'Successfully logged out everywhere' },
    ]);
    for (const { access_token, refresh_token } of [here, there]) {
      expectProblem(await me(access_token), 'token_revoked');
      expectProblem(await refresh(refresh_token), 'invalid_refresh_token');
    }
  });
});

describe('POST /token/reauthenticate', () => {
  test('200 Token of the same session with a fresh auth_time; what needs it answers 401 before', async () => {
    const ada = await person(world);
    const { access_token: token } = await logIn(world, ada);
    world.deps.clock.advance(601);
    const stale = await world.call('DELETE', '/users/me', { token });
    expectProblem(stale, 'reauthentication_required');
    const reauthenticate = (body: object) => world.call('POST', '/token/reauthenticate', { token, body });
    expectProblem(await reauthenticate({ password: 'wrong' }), 'invalid_credentials');
    expectIssues(await reauthenticate({}), 'body.password missing');
    const fresh = await reauthenticate({ password: PASSWORD });
    expect(fresh.statusCode, fresh.body).toBe(200);
    const claims = partOf(fresh.json().access_token, 1);
    expect(claims.sid).toBe(partOf(token, 1).sid);
    expect(claims.auth_time).toBe(world.deps.clock.now().getTime() / 1000);
    expect((await world.call('DELETE', '/users/me', { token: fresh.json().access_token })).statusCode).toBe(
      204,
    );
  });

  test('with a factor, only a factor will do', async () => {
    const { code, token } = await withTotp();
    const reauthenticate = (body: object) => world.call('POST', '/token/reauthenticate', { token, body });
    const asked = await reauthenticate({ password: PASSWORD });
    expectProblem(asked, 'mfa_required');
    expect(asked.json().factors).toEqual(['recovery_code', 'totp']);
    expectProblem(await reauthenticate({ factor: 'totp', code: '000000' }), 'invalid_mfa_code');
    expect((await reauthenticate({ factor: 'totp', code: code() })).statusCode).toBe(200);
  });
});

describe('a token is good for one thing', () => {
  test('an access token is refused for its signature and its alg, and when it has expired', async () => {
    const { access_token } = await logIn(world, await person(world));
    const claims = partOf(access_token, 1);
    const [header, payload, signature] = access_token.split('.') as [string, string, string];
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const forged = [
      `${header}.${payload}.`,
      `${header}.${payload}`,
      tampered(access_token),
      `${header}.${encode({ ...claims, sub: world.deps.random.uuid() })}.${signature}`,
      `${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
      `${encode({ alg: 'HS512', typ: 'at+jwt' })}.${payload}.${signature}`,
    ];
    for (const token of forged) expectProblem(await me(token), 'invalid_token');
    expect((await me(access_token)).statusCode).toBe(200);
    world.deps.clock.advance(1800);
    expectProblem(await me(access_token), 'token_expired');
  });

  test('no token of ours is good as another', async () => {
    const ada = await person(world, { email: 'confused@example.com' });
    const { who, token: aged } = await withTotp();
    const { access_token, refresh_token, device_token } = await logIn(world, ada);
    const signup = await world.call('POST', '/signup', {
      body: { first_name: 'A', last_name: 'B', phone_number: '+254712345678', email: 'c@example.com' },
    });
    const { signup_token } = signup.json();
    await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
    const reset = (await mailsTo(world, ada.email)).at(-1)?.secrets.token as string;
    const { mfa_token } = (await login(who.email, who.password)).json();
    await world.call('PUT', '/users/me', { token: access_token, body: { email: 'confused-2@example.com' } });
    const verification = (await mailsTo(world, 'confused-2@example.com')).at(-1)?.secrets.token as string;
    const all = {
      access_token,
      refresh_token,
      device_token,
      signup_token,
      reset,
      mfa_token,
      verification,
      aged,
    };
    for (const [name, token = ''] of Object.entries(all)) {
      expect(token, name).not.toBe('');
      if (name !== 'access_token' && name !== 'aged') expectProblem(await me(token), 'invalid_token');
      if (name !== 'refresh_token') expectProblem(await refresh(token), 'invalid_refresh_token');
      if (name !== 'mfa_token') {
        const body = { mfa_token: token.slice(0, 200), factor: 'totp', code: '123456' };
        expectProblem(await world.call('POST', '/token/mfa', { body }), 'invalid_mfa_token');
      }
      if (name !== 'signup_token') {
        const body = {
          email: 'c@example.com',
          password: PASSWORD,
          confirm_password: PASSWORD,
          signup_token: token.slice(0, 200),
        };
        expectProblem(await world.call('POST', '/signup/set-password', { body }), 'signup_not_found');
      }
      if (name !== 'reset') {
        const body = {
          token: token.slice(0, 200),
          new_password: 'Entirely-other-7',
          confirm_new_password: 'Entirely-other-7',
        };
        expectProblem(await world.call('POST', '/password-reset/confirm', { body }), 'invalid_reset_token');
      }
      if (name !== 'verification')
        expectProblem(
          await world.call('POST', `/verify-email/${token.slice(0, 200)}`),
          'invalid_verification_token',
        );
    }
    // None of that spent any of them.
    expect((await refresh(refresh_token)).statusCode).toBe(200);
    expect((await world.call('POST', `/verify-email/${verification}`)).statusCode).toBe(200);
  });
});
