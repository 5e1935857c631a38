import { TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { addSeconds } from '../platform/clock.ts';
import { sql } from '../platform/sql.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp({ lockout: { attempts: 10, window: 900, duration: 900, maxDuration: 86_400 } });
});
afterAll(() => service.close());

const codeAt = (uri: string, at: Date) => {
  const { secret } = Object.fromEntries(new URL(uri).searchParams) as { secret: string };
  return new TOTP({ secret }).generate({ timestamp: at.getTime() });
};

async function withTotp(): Promise<{ who: Person; uri: string; codes: string[]; token: string }> {
  const who = await person(service);
  const { access_token: token } = await logIn(service, who);
  const enrolment = (await service.call('POST', '/mfa/totp', { token })).json();
  expect(enrolment.qr_svg).toMatch(/^<svg/);
  const uri: string = enrolment.otpauth_uri;
  const confirmed = await service.call('POST', '/mfa/totp/confirm', {
    token,
    body: { code: codeAt(uri, service.deps.clock.now()) },
  });
  expect(confirmed.statusCode, confirmed.body).toBe(200);
  service.deps.clock.advance(30);
  return { who, uri, codes: confirmed.json().recovery_codes, token };
}

async function demand(who: Person): Promise<string> {
  const answer = await service.call('POST', '/token', {
    form: { username: who.email, password: who.password },
  });
  expect(answer.statusCode).toBe(401);
  expect(answer.json()).toMatchObject({ code: 'mfa_required', error: 'mfa_required' });
  return answer.json().mfa_token;
}

test('a login with an authenticator app needs a code of it, and says so in amr', async () => {
  const { who, uri, codes } = await withTotp();
  expect(codes).toHaveLength(10);
  const mfaToken = await demand(who);
  const answer = await service.call('POST', '/token/mfa', {
    body: { mfa_token: mfaToken, factor: 'totp', code: codeAt(uri, service.deps.clock.now()) },
  });
  expect(answer.statusCode, answer.body).toBe(200);
  expect(service.deps.keys.verify(answer.json().access_token)).toHaveProperty('amr', ['pwd', 'otp', 'mfa']);
  const events = await service.deps.db.rows<{ type: string }>(sql`
    select type from audit_events where user_id = ${who.id}::uuid order by created_at desc, id desc limit 3`);
  expect(events.map(({ type }) => type)).toEqual(['device.added', 'login.succeeded', 'mfa.challenged']);
});

test('of several right codes that answer one demand at once, one gets in', async () => {
  const { who, codes } = await withTotp();
  const mfa_token = await demand(who);
  const answers = await Promise.all(
    codes
      .slice(0, 3)
      .map((code: string) =>
        service.call('POST', '/token/mfa', { body: { mfa_token, factor: 'recovery_code', code } }),
      ),
  );
  const verdicts = answers.map(answer => String(answer.json().code ?? answer.statusCode));
  expect(verdicts.toSorted()).toEqual(['200', 'invalid_mfa_token', 'invalid_mfa_token']);
});

test('of ten submits of one code at once, one gets in (RFC 6238 §5.2)', async () => {
  const { who, uri } = await withTotp();
  const tokens = await Promise.all(Array.from({ length: 5 }, () => demand(who)));
  const code = codeAt(uri, service.deps.clock.now());
  const answers = await Promise.all(
    [...tokens, ...tokens].map(mfa_token =>
      service.call('POST', '/token/mfa', { body: { mfa_token, factor: 'totp', code } }),
    ),
  );
  expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
});

test('a code of the step that confirmed the app is spent', async () => {
  const { who, uri } = await withTotp();
  service.deps.clock.advance(-30);
  const code = codeAt(uri, service.deps.clock.now());
  const answer = await service.call('POST', '/token/mfa', {
    body: { mfa_token: await demand(who), factor: 'totp', code },
  });
  expect(answer.json().code).toBe('invalid_mfa_code');
  service.deps.clock.advance(30);
});

test('each step of the window is good once, in any order', async () => {
  const { who, uri } = await withTotp();
  service.deps.clock.advance(90);
  const submit = async (delta: number) => {
    const at = new Date(service.deps.clock.now().getTime() + delta * 30_000);
    const body = { mfa_token: await demand(who), factor: 'totp', code: codeAt(uri, at) };
    return (await service.call('POST', '/token/mfa', { body })).statusCode;
  };
  const inTurn = async (deltas: number[]) => {
    const statuses: number[] = [];
    for (const delta of deltas) statuses.push(await submit(delta));
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
  const { who, uri } = await withTotp();
  service.deps.clock.advance(90);
  const { clock } = service.deps;
  const [code, before] = [0, -30].map(delta => codeAt(uri, addSeconds(clock.now(), delta)));
  const submit = async (text = code) =>
    (
      await service.call('POST', '/token/mfa', {
        body: { mfa_token: await demand(who), factor: 'totp', code: text },
      })
    ).statusCode;
  expect(await submit()).toBe(200);
  await service.deps.db.run(
    sql`update factors set last_step = last_step + 1 where user_id = ${who.id}::uuid and kind = 'totp'`,
  );
  expect([await submit(), await submit(before)]).toEqual([401, 401]);
});

test('nor is one that was spent long before, once the clock is put back', async () => {
  const { who, uri } = await withTotp();
  const { clock } = service.deps;
  const code = codeAt(uri, clock.now());
  const submit = async (text: string) =>
    (
      await service.call('POST', '/token/mfa', {
        body: { mfa_token: await demand(who), factor: 'totp', code: text },
      })
    ).statusCode;
  expect(await submit(code)).toBe(200);
  clock.advance(120);
  expect(await submit(codeAt(uri, clock.now()))).toBe(200);
  clock.advance(-120);
  expect(await submit(code)).toBe(401);
  clock.advance(120);
});

test('five wrong codes burn the mfa_token, and a right one after them is refused', async () => {
  const { who, uri } = await withTotp();
  const mfa_token = await demand(who);
  for (let index = 0; index < 5; index++) {
    const wrong = await service.call('POST', '/token/mfa', {
      body: { mfa_token, factor: 'totp', code: '000000' },
    });
    expect(wrong.json().code).toBe('invalid_mfa_code');
  }
  const right = await service.call('POST', '/token/mfa', {
    body: { mfa_token, factor: 'totp', code: codeAt(uri, service.deps.clock.now()) },
  });
  expect(right.json().code).toBe('invalid_mfa_token');
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
    const answer = await service.call('POST', '/token/mfa', {
      body: { mfa_token: login.json().mfa_token, factor: 'totp', code: '000000' },
    });
    statuses.push(answer.statusCode);
  }
  expect(statuses.filter(status => status === 401)).toHaveLength(10);
  expect(statuses.slice(10)).toEqual([429, 429]);
});

test('a recovery code works once, however it is written', async () => {
  const { who, codes } = await withTotp();
  const code = (codes[0] as string).toLowerCase().replaceAll('-', ' ');
  const first = await service.call('POST', '/token/mfa', {
    body: { mfa_token: await demand(who), factor: 'recovery_code', code },
  });
  expect(first.statusCode, first.body).toBe(200);
  const again = await service.call('POST', '/token/mfa', {
    body: { mfa_token: await demand(who), factor: 'recovery_code', code },
  });
  expect(again.json().code).toBe('invalid_mfa_code');
});

test('a recovery code that is used, at a login or to prove again who one is, is in the trail, and its owner is told', async () => {
  const { who, codes } = await withTotp();
  const login = await service.call('POST', '/token/mfa', {
    body: { mfa_token: await demand(who), factor: 'recovery_code', code: codes[0] },
    headers: { 'user-agent': 'a browser' },
  });
  const { access_token: token } = login.json();
  const proof = { factor: 'recovery_code', code: codes[1] };
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
  const { who, uri, token } = await withTotp();
  const password = await service.call('POST', '/token/reauthenticate', {
    token,
    body: { password: who.password },
  });
  expect(password.json().code).toBe('mfa_required');
  const factor = await service.call('POST', '/token/reauthenticate', {
    token,
    body: { factor: 'totp', code: codeAt(uri, service.deps.clock.now()) },
  });
  expect(factor.statusCode, factor.body).toBe(200);
  const removed = await service.call('DELETE', '/mfa/totp', { token: factor.json().access_token });
  expect(removed.statusCode, removed.body).toBe(204);
  expect(
    (await service.call('POST', '/token', { form: { username: who.email, password: who.password } }))
      .statusCode,
  ).toBe(200);
});

test('text messages are off without a way to send them', async () => {
  const { access_token: token } = await logIn(service, await person(service));
  const answer = await service.call('POST', '/mfa/sms', { token, body: { phone_number: '+254712345678' } });
  expect(answer.statusCode).toBe(404);
  expect(answer.json().code).toBe('feature_disabled');
});
