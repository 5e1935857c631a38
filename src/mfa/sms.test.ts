import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, member, type Person, person } from '../../test/support/people.ts';
import { demandedOf, type SmsProvider, smsProvider, textedCode, textsTo } from '../../test/support/sms.ts';
import { listOutbox, requeue } from '../delivery/outbox.ts';
import { type Delivery, startDelivery } from '../delivery/worker.ts';
import { sql } from '../platform/sql.ts';
import { textLoginCode } from './sms.ts';

const caller = { requestId: 'test', ip: '192.0.2.1', userAgent: '' };

let provider: SmsProvider;
let service: TestApp;
let delivery: Delivery;
beforeAll(async () => {
  provider = await smsProvider();
  service = await testApp({
    rateLimit: { sms_number: { points: 2, seconds: 86_400 } },
    sms: { webhook: { url: provider.url, secret: 'sixteen bytes or more' }, countries: ['KE'] },
  });
  delivery = startDelivery(service.deps, { pollSeconds: 0.05 });
});
afterAll(async () => {
  await delivery.stop();
  await service.close();
  await provider.close();
});

const nextCode = (number: string, count: number) => textedCode(provider, number, count);

const demand = (who: Person) => demandedOf(service, who);

test('a phone is set up and answers a login by texted codes, until its budget is spent', async () => {
  const who = await person(service);
  const { access_token: token } = await logIn(service, who);
  const enrol = (phone_number: string) => service.call('POST', '/mfa/sms', { token, body: { phone_number } });
  expect((await enrol('+4915112345678')).json()).toMatchObject({ code: 'phone_not_allowed' });
  expect((await enrol('+254712345678')).statusCode).toBe(202);
  await nextCode('+254712345678', 1);
  service.deps.clock.advance(20);
  expect((await enrol('+254712345678')).statusCode).toBe(202);
  const third = await enrol('+254712345678');
  expect([third.json().code, third.headers['retry-after']]).toEqual(['rate_limited', '40']);
  const confirmed = await service.call('POST', '/mfa/sms/confirm', {
    token,
    body: { code: await nextCode('+254712345678', 2) },
  });
  expect(confirmed.statusCode, confirmed.body).toBe(200);
  // A phone alone is worth recovery codes as an app is.
  expect((await service.call('POST', '/mfa/recovery-codes', { token })).statusCode).toBe(200);

  const send = async (mfa_token: string) => service.call('POST', '/token/mfa/sms', { body: { mfa_token } });
  const mfaToken = await demand(who);
  expect((await send(mfaToken)).statusCode).toBe(202);
  const code = await nextCode('+254712345678', 3);
  const let_in = await service.call('POST', '/token/mfa', {
    body: { mfa_token: mfaToken, factor: 'sms', code },
  });
  expect(let_in.statusCode, let_in.body).toBe(200);
  expect(service.deps.keys.verify(let_in.json().access_token)).toHaveProperty('amr', ['pwd', 'sms', 'mfa']);

  service.deps.clock.advance(60);
  expect((await send(await demand(who))).statusCode).toBe(202);
  await nextCode('+254712345678', 4);
  service.deps.clock.advance(60);
  const spent = await send(await demand(who));
  expect(spent.json()).toMatchObject({ code: 'sms_budget_spent' });
  expect(spent.statusCode).toBe(429);
  expect(Number(spent.headers['retry-after'])).toBe(86_400 - 120);
  expect(textsTo(provider, '+254712345678')).toHaveLength(4);
  const events = await service.deps.db.rows(sql`
    select reason, actor_id, session_id is not null as in_session from audit_events
    where user_id = ${who.id}::uuid and type = 'mfa.code_sent' order by id`);
  const login = { reason: 'sms-login', actor_id: who.id, in_session: false };
  const enrolment = { reason: 'sms-enrol', actor_id: who.id, in_session: true };
  expect(events).toEqual([enrolment, enrolment, login, login]);
});

test('a code that waits to be texted is withdrawn by the next one, which alone answers; an operator cannot bring it back', async () => {
  const waiting = await testApp({
    sms: { webhook: { url: provider.url, secret: 'sixteen bytes or more' }, countries: null },
  });
  const number = '+254712345611';
  const { token } = await member(waiting);
  for (let count = 0; count < 3; count++)
    await waiting.call('POST', '/mfa/sms', { token, body: { phone_number: number } });
  await requeue(waiting.deps, {});
  const late = startDelivery(waiting.deps, { pollSeconds: 0.05 });
  try {
    const states = async () => (await listOutbox(waiting.deps)).map(({ channel, state }) => [channel, state]);
    await expect
      .poll(async () => (await states()).filter(([channel]) => channel === 'sms'))
      .toEqual([
        ['sms', 'sent'],
        ['sms', 'expired'],
        ['sms', 'expired'],
      ]);
    const code = await nextCode(number, 1);
    const confirmed = await waiting.call('POST', '/mfa/sms/confirm', { token, body: { code } });
    expect(confirmed.statusCode, confirmed.body).toBe(200);
  } finally {
    await late.stop();
    await waiting.close();
  }
});

test("strangers who set up phones, an owner's number too, keep no owner from a login code", async () => {
  const small = await testApp({
    rateLimit: {
      sms_number: { points: 1, seconds: 3600 },
      sms_prefix: { points: 2, seconds: 3600 },
      sms_total: { points: 1, seconds: 3600 },
      sms_enrolment: { points: 3, seconds: 3600 },
    },
    sms: { webhook: { url: provider.url, secret: 'sixteen bytes or more' } },
  });
  try {
    const enrol = async (phone_number: string) => {
      const { token } = await member(small);
      const asked = await small.call('POST', '/mfa/sms', { token, body: { phone_number } });
      return asked.statusCode;
    };
    const number = '+254712345678';
    const ada = await member(small);
    await small.call('POST', '/mfa/sms', { token: ada.token, body: { phone_number: number } });
    const code = (await mailsTo(small, number)).at(-1)?.secrets.code;
    await small.call('POST', '/mfa/sms/confirm', { token: ada.token, body: { code } });

    expect(await enrol(number)).toBe(429);
    expect(await enrol('+254712345679')).toBe(202);
    expect(await enrol('+4915112345678')).toBe(202);
    expect(await enrol('+4915212345678')).toBe(429);
    const { email, password } = ada.who;
    const login = await small.call('POST', '/token', { form: { username: email, password } });
    const { mfa_token } = login.json();
    const sent = await small.call('POST', '/token/mfa/sms', { body: { mfa_token } });
    expect(sent.statusCode, sent.body).toBe(202);
  } finally {
    await small.close();
  }
});

test('a texted code is for the login that asked for it, and proves a session, but none that another session asked for (ASVS 6.6.2)', async () => {
  const world = await testApp({
    rateLimit: 'off',
    sms: { webhook: { url: provider.url, secret: 'sixteen bytes or more' } },
  });
  try {
    const number = '+254712345678';
    const { who, token } = await member(world);
    const texted = async () => (await mailsTo(world, number)).at(-1)?.secrets.code ?? '';
    await world.call('POST', '/mfa/sms', { token, body: { phone_number: number } });
    await world.call('POST', '/mfa/sms/confirm', { token, body: { code: await texted() } });

    const form = { username: who.email, password: who.password };
    const begin = async () => (await world.call('POST', '/token', { form })).json().mfa_token as string;
    const answer = (mfa_token: string, code: string) =>
      world.call('POST', '/token/mfa', { body: { mfa_token, factor: 'sms', code } });
    const prove = (code: string) =>
      world.call('POST', '/token/reauthenticate', { token, body: { factor: 'sms', code } });
    const [owners, strangers] = [await begin(), await begin()];
    await world.call('POST', '/token/mfa/sms', { body: { mfa_token: owners } });
    const code = await texted();
    expect((await answer(strangers, code)).json().code).toBe('invalid_mfa_code');
    expect((await answer(owners, code)).statusCode).toBe(200);

    const again = await begin();
    await world.call('POST', '/token/mfa/sms', { body: { mfa_token: again } });
    expect((await prove(await texted())).statusCode).toBe(200);

    const { sid: sessionId } = world.deps.keys.verify(token);
    const text = (asker: string) => textLoginCode(world.deps, { userId: who.id, sessionId: asker, caller });
    await text(world.deps.random.uuid());
    expect((await prove(await texted())).json().code).toBe('invalid_mfa_code');
    await text(String(sessionId));
    const own = await texted();
    expect((await answer(await begin(), own)).json().code).toBe('invalid_mfa_code');
    expect((await prove(own)).statusCode).toBe(200);
  } finally {
    await world.close();
  }
});
