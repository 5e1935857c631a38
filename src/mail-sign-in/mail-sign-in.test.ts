import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, person } from '../../test/support/people.ts';
import { addTotp } from '../../test/support/totp.ts';
import { withinQuota } from '../challenges/quota.ts';
import { sql } from '../platform/sql.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp({ signInByMail: true });
});
afterAll(() => service.close());

async function ask(email: string) {
  const answer = await service.call('POST', '/token/email', { body: { email } });
  expect(answer.statusCode, answer.body).toBe(202);
  const mails = await mailsTo(service, email);
  const secrets = mails.findLast(({ template }) => template === 'sign-in')?.secrets ?? {};
  return { answer, request_token: answer.json().request_token as string, ...secrets } as {
    answer: typeof answer;
    request_token: string;
    code: string;
    token: string;
  };
}

const verify = (body: object, headers: Record<string, string> = {}) =>
  service.call('POST', '/token/email/verify', { body, headers });

test('the code signs in the browser that asked, once', async () => {
  const ada = await person(service);
  const { request_token, code } = await ask(ada.email);
  const answers = await Promise.all([1, 2, 3].map(() => verify({ request_token, code })));
  expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 401, 401]);
  const token = answers.find(({ statusCode }) => statusCode === 200)?.json().access_token;
  expect(service.deps.keys.verify(token)).toMatchObject({ sub: ada.id, amr: ['otp'] });
});

test('the link works only in the browser that asked, so a mail scanner or a thief gets nothing from it', async () => {
  const ada = await person(service);
  const { answer, token } = await ask(ada.email);
  const thief = await ask('nobody@example.com');
  expect((await verify({ token })).json().code).toBe('invalid_sign_in_code');
  expect((await verify({ token, request_token: thief.request_token })).json().code).toBe(
    'invalid_sign_in_code',
  );
  const forged = `${token.split('.')[0]}.${thief.request_token.split('.')[1]}`;
  expect((await verify({ token, request_token: forged })).json().code).toBe('invalid_sign_in_code');
  const [cookie] = answer.cookies;
  expect(cookie).toMatchObject({ name: 'sign_in_request', httpOnly: true, sameSite: 'Lax', maxAge: 600 });
  const signedIn = await verify({ token }, { cookie: `sign_in_request=${cookie?.value}` });
  expect(signedIn.statusCode, signedIn.body).toBe(200);
});

test('under https the request is bound to the host: a sibling cannot plant one, whose link would sign in to their account', async () => {
  const secure = await testApp({ signInByMail: true, http: { publicUrl: 'https://id.example.com' } });
  try {
    const eve = await person(secure);
    const asked = await secure.call('POST', '/token/email', { body: { email: eve.email } });
    const [cookie] = asked.cookies;
    expect(cookie).toMatchObject({ name: '__Host-sign_in_request', path: '/', secure: true });
    expect(cookie).not.toHaveProperty('domain');
    const token = (await mailsTo(secure, eve.email)).at(-1)?.secrets.token;
    const follow = (name: string) =>
      secure.call('POST', '/token/email/verify', {
        body: { token },
        headers: { cookie: `${name}=${cookie?.value}` },
      });
    expect((await follow('sign_in_request')).json().code).toBe('invalid_sign_in_code');
    expect((await follow('__Host-sign_in_request')).statusCode).toBe(200);
  } finally {
    await secure.close();
  }
});

test('whatever is typed, the mail goes to the mailbox that is stored, and lets in who reads that one', async () => {
  const ada = await person(service, { email: `${service.deps.random.uuid()}-admin@example.com` });
  const typed = ada.email.replace('admin', 'adm\u0131n');
  const asked = await ask(typed);
  expect(await mailsTo(service, typed)).toEqual([]);
  const [mail] = await mailsTo(service, ada.email);
  const signedIn = await verify({ request_token: asked.request_token, code: mail?.secrets.code });
  expect(signedIn.statusCode, signedIn.body).toBe(200);
});

test('the link of another request costs this one no try', async () => {
  const ada = await person(service);
  const first = await ask(ada.email);
  const { request_token, code } = await ask(ada.email);
  for (let tries = 0; tries < 6; tries++) {
    const answer = await verify({ token: first.token, request_token });
    expect(answer.json().code).toBe('invalid_sign_in_code');
  }
  expect((await verify({ request_token, code })).statusCode).toBe(200);
});

test('ten minutes and five tries', async () => {
  const ada = await person(service);
  const first = await ask(ada.email);
  service.deps.clock.advance(601);
  const late = await verify({ request_token: first.request_token, code: first.code });
  expect(late.json().code).toBe('invalid_sign_in_code');

  const { request_token, code } = await ask(ada.email);
  const wrong = code === '000000' ? '111111' : '000000';
  for (let tries = 0; tries < 5; tries++) {
    expect((await verify({ request_token, code: wrong })).json().code).toBe('invalid_sign_in_code');
  }
  expect((await verify({ request_token, code })).statusCode).not.toBe(200);
});

test('an address that nobody has answers the same, to the request and to every try', async () => {
  const ada = await person(service);
  const stranger = `${service.deps.random.uuid()}@example.com`;
  const shapes = await Promise.all(
    [ada.email, stranger].map(async email => {
      const asked = await ask(email);
      const tries: unknown[] = [];
      for (let index = 0; index < 6; index++) {
        const again = index === 5 ? await ask(email) : asked;
        const answer = await verify({ request_token: again.request_token, code: 'nonsense' });
        tries.push([answer.statusCode, answer.json().code, answer.headers['retry-after']]);
      }
      return { body: Object.keys(asked.answer.json()), length: asked.request_token.length, tries };
    }),
  );
  expect(shapes[0]).toEqual(shapes[1]);
  expect(shapes[0]?.tries.at(-1)).toEqual([429, 'too_many_attempts', '900']);
  expect(await mailsTo(service, stranger)).toEqual([]);
});

test('a wrong code answers alike for whoever was mailed, was not, or is not there, once wrong passwords have locked', async () => {
  const limited = await testApp({ signInByMail: true, rateLimit: 'on' });
  try {
    const { db, clock, random } = limited.deps;
    const known = await person(limited);
    const mailedEnough = await person(limited);
    const disabled = await person(limited);
    await db.run(sql`
      update users set disabled_at = ${clock.now()}::timestamptz where id = ${disabled.id}::uuid`);
    let ip = 0;
    const send = (url: string, body: object) =>
      limited.call('POST', url, { body, ip: `203.0.113.${ip++ % 250}` });
    for (let mails = 0; mails < 5; mails++) await send('/token/email', { email: mailedEnough.email });

    const courses: unknown[][] = [];
    for (const email of [`${random.uuid()}@example.com`, known.email, mailedEnough.email, disabled.email]) {
      const { request_token } = (await send('/token/email', { email })).json();
      const course: unknown[] = [];
      const note = ({ statusCode, headers, body }: Awaited<ReturnType<typeof send>>) =>
        course.push([statusCode, headers['retry-after'], JSON.parse(body).code]);
      const wrong = { request_token, code: 'nonsense' };
      for (let tries = 0; tries < 3; tries++)
        note(await send('/token', { username: email, password: 'wrong' }));
      for (let tries = 0; tries < 3; tries++) note(await send('/token/email/verify', wrong));
      note(await send('/token', { username: email, password: 'wrong' }));
      courses.push(course);
    }
    expect(courses[0]?.map(step => (step as unknown[])[0])).toEqual([401, 401, 401, 401, 401, 429, 429]);
    for (const course of courses) expect(course).toEqual(courses[0]);
    expect((await mailsTo(limited, disabled.email)).map(({ template }) => template)).toEqual([
      'account-locked',
    ]);
  } finally {
    await limited.close();
  }
});

test('a request waits for nobody who writes to the account or asks at the same moment', async () => {
  const limited = await testApp({ signInByMail: true, rateLimit: 'on' });
  try {
    const { email, id: userId } = await person(limited);
    const { db } = limited.deps;
    const ask = async () => {
      const answer = await limited.call('POST', '/token/email', { body: { email } });
      expect(answer.statusCode, answer.body).toBe(202);
      return (await mailsTo(limited, email)).length;
    };
    await db.transaction(async tx => {
      await tx.row(sql`select from users where id = ${userId}::uuid for no key update`);
      expect(await ask()).toBe(1);
    });
    await db.transaction(async tx => {
      await withinQuota(limited.deps, tx, {
        purpose: 'sign-in',
        userId,
        address: email,
        limit: 5,
        busy: 'wait',
      });
      expect(await ask()).toBe(1);
    });
  } finally {
    await limited.close();
  }
});

test('the first proof of an unverified mailbox removes what was set before it', async () => {
  const ada = await person(service, { verified: false });
  const before = await logIn(service, ada);
  const { request_token, code } = await ask(ada.email);
  const answer = await verify({ request_token, code });
  expect(answer.statusCode, answer.body).toBe(200);
  const me = await service.call('GET', '/users/me', { token: answer.json().access_token });
  expect(me.json().email_verified).toBe(true);
  expect((await service.call('GET', '/users/me', { token: before.access_token })).statusCode).toBe(401);
  const password = await service.call('POST', '/token', {
    form: { username: ada.email, password: ada.password },
  });
  expect(password.json().code).toBe('invalid_credentials');
});

test('a second factor is asked after it, and a disabled account gets nothing', async () => {
  const ada = await person(service);
  await service.deps.db.run(sql`update users set mfa_enabled = true where id = ${ada.id}::uuid`);
  const { request_token, code } = await ask(ada.email);
  expect((await verify({ request_token, code })).json().code).toBe('mfa_required');

  const bob = await person(service);
  const asked = await ask(bob.email);
  await service.deps.db.run(sql`
    update users set disabled_at = ${service.deps.clock.now()}::timestamptz where id = ${bob.id}::uuid`);
  expect((await verify({ request_token: asked.request_token, code: asked.code })).json().code).toBe(
    'invalid_sign_in_code',
  );
  const mails = (await mailsTo(service, bob.email)).length;
  await ask(bob.email);
  expect(await mailsTo(service, bob.email)).toHaveLength(mails);
});

test('the tokens name each way of proof once, also where an app shows a code after the mailed one', async () => {
  const ada = await person(service);
  const { access_token: token } = await logIn(service, ada);
  const { clock, keys } = service.deps;
  const { code: shown } = await addTotp(service, token);
  clock.advance(60);
  const { request_token, code } = await ask(ada.email);
  const { mfa_token } = (await verify({ request_token, code })).json();
  const body = { mfa_token, factor: 'totp', code: shown() };
  const answer = await service.call('POST', '/token/mfa', { body });
  expect(keys.verify(answer.json().access_token)).toHaveProperty('amr', ['otp', 'mfa']);
});

test('it is off by default', async () => {
  const off = await testApp();
  try {
    for (const [url, body] of [
      ['/token/email', { email: 'ada@example.com' }],
      ['/token/email/verify', { request_token: 'x', code: '123456' }],
    ] as const) {
      const answer = await off.call('POST', url, { body });
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'feature_disabled']);
    }
  } finally {
    await off.close();
  }
});

test('a code that waits ends with the password: by a reset, and by a change', async () => {
  for (const by of ['reset', 'change'] as const) {
    const ada = await person(service);
    const { access_token: token } = await logIn(service, ada);
    const { request_token, code } = await ask(ada.email);
    const [new_password, current_password] = ['Another-horse-battery-2', ada.password];
    const chosen = { new_password, confirm_new_password: new_password };
    await service.call('POST', '/password-reset/request', { body: { email: ada.email } });
    const mailed = await mailedToken(service, 'reset-password', ada.email);
    const answer =
      by === 'change'
        ? await service.call('POST', '/users/me/password', { token, body: { current_password, ...chosen } })
        : await service.call('POST', '/password-reset/confirm', { body: { token: mailed, ...chosen } });
    expect(answer.statusCode, answer.body).toBeLessThan(300);
    expect((await verify({ request_token, code })).json().code).toBe('invalid_sign_in_code');
  }
});

test('a device that was known before its mailbox was proven is a new one', async () => {
  const ada = await person(service, { verified: false });
  const { device_token } = await logIn(service, ada);
  const { request_token, code } = await ask(ada.email);
  const claimed = await verify({ request_token, code, device_token });
  expect(claimed.json().device_token).toEqual(expect.any(String));
  const again = await ask(ada.email);
  const second = await verify({
    request_token: again.request_token,
    code: again.code,
    device_token: claimed.json().device_token,
  });
  expect([second.statusCode, second.json().device_token]).toEqual([200, undefined]);
});

test('a mailbox that the account has given up meanwhile claims nothing', async () => {
  const ada = await person(service, { verified: false });
  const { request_token, code } = await ask(ada.email);
  await service.deps.db.run(sql`update users set email = 'moved@example.com' where id = ${ada.id}::uuid`);
  expect((await verify({ request_token, code })).json().code).toBe('invalid_sign_in_code');
  expect((await logIn(service, ada)).access_token).toEqual(expect.any(String));
});
