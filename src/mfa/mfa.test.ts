import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, member, type Person, person } from '../../test/support/people.ts';
import { addTotp } from '../../test/support/totp.ts';
import { sql } from '../platform/sql.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp({ lockout: { attempts: 10, window: 900, duration: 900, maxDuration: 86_400 } });
});
afterAll(() => service.close());

async function withTotp() {
  const { who, token } = await member(service);
  const app = await addTotp(service, token);
  service.deps.clock.advance(30);
  return { who, token, ...app };
}

const answer = (mfa_token: string, code: string | undefined, factor: 'totp' | 'recovery_code' = 'totp') =>
  service.call('POST', '/token/mfa', { body: { mfa_token, factor, code } });

async function demand(who: Person): Promise<string> {
  const login = await service.call('POST', '/token', {
    form: { username: who.email, password: who.password },
  });
  expect(login.statusCode).toBe(401);
  expect(login.json()).toMatchObject({ code: 'mfa_required', error: 'mfa_required' });
  return login.json().mfa_token;
}

test('a login with an authenticator app needs a code of it, and says so in amr', async () => {
  const { who, code, recoveryCodes } = await withTotp();
  expect(recoveryCodes).toHaveLength(10);
  const login = await answer(await demand(who), code());
  expect(login.statusCode, login.body).toBe(200);
  expect(service.deps.keys.verify(login.json().access_token)).toHaveProperty('amr', ['pwd', 'otp', 'mfa']);
  const events = await service.deps.db.rows<{ type: string }>(sql`
    select type from audit_events where user_id = ${who.id}::uuid order by created_at desc, id desc limit 3`);
  expect(events.map(({ type }) => type)).toEqual(['device.added', 'login.succeeded', 'mfa.challenged']);
});

test('of several right codes that answer one demand at once, one gets in', async () => {
  const { who, recoveryCodes } = await withTotp();
  const mfaToken = await demand(who);
  const answers = await Promise.all(
    recoveryCodes.slice(0, 3).map(code => answer(mfaToken, code, 'recovery_code')),
  );
  const verdicts = answers.map(each => String(each.json().code ?? each.statusCode));
  expect(verdicts.toSorted()).toEqual(['200', 'invalid_mfa_token', 'invalid_mfa_token']);
});

test('of ten submits of one code at once, one gets in (RFC 6238 §5.2)', async () => {
  const { who, code } = await withTotp();
  const tokens = await Promise.all(Array.from({ length: 5 }, () => demand(who)));
  const answers = await Promise.all([...tokens, ...tokens].map(token => answer(token, code())));
  expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
});

test('a code of the step that confirmed the app is spent', async () => {
  const { who, code } = await withTotp();
  service.deps.clock.advance(-30);
  expect((await answer(await demand(who), code())).json().code).toBe('invalid_mfa_code');
  service.deps.clock.advance(30);
});

test('each step of the window is good once, in any order', async () => {
  const { who, code } = await withTotp();
  service.deps.clock.advance(90);
  const inTurn = async (steps: number[]) => {
    const statuses: number[] = [];
    for (const step of steps) statuses.push((await answer(await demand(who), code(step * 30))).statusCode);
    return statuses;
  };
  expect(await inTurn([2, 1, 0, -1, -2])).toEqual([401, 200, 200, 200, 401]);
  expect(await inTurn([1, 0, -1])).toEqual([401, 401, 401]);
  service.deps.clock.advance(30);
  expect(await inTurn([-1, 0, 1, 0, -1])).toEqual([401, 401, 200, 401, 401]);
  service.deps.clock.advance(60);
  expect(await inTurn([1, -1, 0, 0])).toEqual([200, 401, 200, 401]);
});

test('nor is a step good again behind one that a replica of the version before has spent, which knows the last one only', async () => {
  const { who, code } = await withTotp();
  service.deps.clock.advance(90);
  const submit = async (text: string) => (await answer(await demand(who), text)).statusCode;
  expect(await submit(code())).toBe(200);
  await service.deps.db.run(
    sql`update factors set last_step = last_step + 1 where user_id = ${who.id}::uuid and kind = 'totp'`,
  );
  expect([await submit(code()), await submit(code(-30))]).toEqual([401, 401]);
});

test('nor is one that was spent long before, once the clock is put back', async () => {
  const { who, code } = await withTotp();
  const { clock } = service.deps;
  const submit = async () => (await answer(await demand(who), code())).statusCode;
  expect(await submit()).toBe(200);
  clock.advance(120);
  expect(await submit()).toBe(200);
  clock.advance(-120);
  expect(await submit()).toBe(401);
  clock.advance(120);
});

test('five wrong codes burn the mfa_token, and a right one after them is refused', async () => {
  const { who, code } = await withTotp();
  const mfaToken = await demand(who);
  for (let index = 0; index < 5; index++)
    expect((await answer(mfaToken, '000000')).json().code).toBe('invalid_mfa_code');
  expect((await answer(mfaToken, code())).json().code).toBe('invalid_mfa_token');
});

test('wrong codes count across demands, so that logging in again resets nothing', async () => {
  const { who } = await withTotp();
  const statuses: number[] = [];
  for (let index = 0; index < 12; index++) {
    const login = await service.call('POST', '/token', {
      form: { username: who.email, password: who.password },
    });
    if (login.statusCode === 429) {
      statuses.push(429);
      continue;
    }
    statuses.push((await answer(login.json().mfa_token, '000000')).statusCode);
  }
  expect(statuses.filter(status => status === 401)).toHaveLength(10);
  expect(statuses.slice(10)).toEqual([429, 429]);
});

test('a recovery code works once, however it is written', async () => {
  const { who, recoveryCodes } = await withTotp();
  const code = recoveryCodes[0]?.toLowerCase().replaceAll('-', ' ');
  const first = await answer(await demand(who), code, 'recovery_code');
  expect(first.statusCode, first.body).toBe(200);
  const again = await answer(await demand(who), code, 'recovery_code');
  expect(again.json().code).toBe('invalid_mfa_code');
});

test('a recovery code that is used, at a login or to prove again who one is, is in the trail, and its owner is told', async () => {
  const { who, recoveryCodes } = await withTotp();
  const login = await service.call('POST', '/token/mfa', {
    body: { mfa_token: await demand(who), factor: 'recovery_code', code: recoveryCodes[0] },
    headers: { 'user-agent': 'a browser' },
  });
  const { access_token: token } = login.json();
  const proof = { factor: 'recovery_code', code: recoveryCodes[1] };
  expect((await service.call('POST', '/token/reauthenticate', { token, body: proof })).statusCode).toBe(200);
  await service.call('POST', '/token/reauthenticate', { token, body: proof });

  const events = await service.deps.db.rows(sql`
    select outcome, actor_id, session_id is not null as in_session, data from audit_events
    where user_id = ${who.id}::uuid and type = 'mfa.recovery_code_used' order by id`);
  const used = { outcome: 'success', actor_id: who.id };
  expect(events).toEqual([
    { ...used, in_session: false, data: { left: 9 } },
    { ...used, in_session: true, data: { left: 8 } },
  ]);
  const mails = (await mailsTo(service, who.email)).filter(
    ({ template }) => template === 'recovery-code-used',
  );
  expect(mails.map(({ params }) => [params.left, params.ip])).toEqual([
    [9, '127.0.0.1'],
    [8, '127.0.0.1'],
  ]);
  expect(mails[0]?.params.userAgent).toBe('a browser');
});

test('reauthentication answers tokens of the same session with a fresh auth_time, and keeps its refresh token', async () => {
  const who = await person(service);
  const tokens = await logIn(service, who);
  service.deps.clock.advance(601);
  const stale = await service.call('POST', '/mfa/totp', { token: tokens.access_token });
  expect(stale.statusCode).toBe(401);
  expect(stale.json().code).toBe('reauthentication_required');
  const wrong = await service.call('POST', '/token/reauthenticate', {
    token: tokens.access_token,
    body: { password: 'no' },
  });
  expect(wrong.json().code).toBe('invalid_credentials');
  const fresh = await service.call('POST', '/token/reauthenticate', {
    token: tokens.access_token,
    body: { password: who.password },
  });
  expect(fresh.statusCode, fresh.body).toBe(200);
  expect(fresh.json().refresh_token).toBe(tokens.refresh_token);
  expect((await service.call('POST', '/mfa/totp', { token: fresh.json().access_token })).statusCode).toBe(
    200,
  );
});

test('somebody with a factor reauthenticates with it, and can remove it', async () => {
  const { who, code, token } = await withTotp();
  const password = await service.call('POST', '/token/reauthenticate', {
    token,
    body: { password: who.password },
  });
  expect(password.json().code).toBe('mfa_required');
  const factor = await service.call('POST', '/token/reauthenticate', {
    token,
    body: { factor: 'totp', code: code() },
  });
  expect(factor.statusCode, factor.body).toBe(200);
  const removed = await service.call('DELETE', '/mfa/totp', { token: factor.json().access_token });
  expect(removed.statusCode, removed.body).toBe(204);
  expect(
    (await service.call('POST', '/token', { form: { username: who.email, password: who.password } }))
      .statusCode,
  ).toBe(200);
});

test('an expired password lets nobody in after the second factor either, and only then is a way to a new one given', async () => {
  const strict = await testApp({ passwords: { maxAgeDays: 90 } });
  try {
    const { who, token } = await member(strict);
    const { code } = await addTotp(strict, token);
    strict.deps.clock.advance(90 * 86_400 + 1);
    const form = { username: who.email, password: who.password };
    const asked = (await strict.call('POST', '/token', { form })).json();
    expect(asked).toMatchObject({ code: 'mfa_required' });
    expect(asked).not.toHaveProperty('reset_token');
    const body = { mfa_token: asked.mfa_token, factor: 'totp', code: code() };
    const answered = await strict.call('POST', '/token/mfa', { body });
    expect([answered.statusCode, answered.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'password_expired', reset_token: expect.any(String) }),
    ]);
  } finally {
    await strict.close();
  }
});

test('text messages are off without a way to send them', async () => {
  const { access_token: token } = await logIn(service, await person(service));
  const answer = await service.call('POST', '/mfa/sms', { token, body: { phone_number: '+254712345678' } });
  expect(answer.statusCode).toBe(404);
  expect(answer.json().code).toBe('feature_disabled');
});
