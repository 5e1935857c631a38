// docs/failure-modes.md, the column of the clock: it jumps forward and back under a running service.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../support/app.ts';
import { expectProblem } from '../support/contract.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, person } from '../support/people.ts';
import { addTotp } from '../support/totp.ts';

const HOUR = 3_600;

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ rateLimit: { reset: { points: 2, seconds: 60 } } });
});
afterAll(() => world.close());

const me = (token: string) => world.call('GET', '/users/me', { token });
const refresh = (token: string) => world.call('POST', '/refresh-token', { body: { token } });
const login = (username: string, password: string) =>
  world.call('POST', '/token', { form: { username, password } });

test('forward: access tokens end, sessions go on, and back again nothing is lost', async () => {
  const { access_token, refresh_token } = await logIn(world, await person(world));
  world.deps.clock.advance(HOUR);
  expectProblem(await me(access_token), 'token_expired');
  const next = await refresh(refresh_token);
  expect(next.statusCode).toBe(200);
  world.deps.clock.advance(-HOUR);
  // A token of the future is not good yet; the session that it came from is.
  expectProblem(await me(next.json().access_token), 'invalid_token');
  const again = await refresh(next.json().refresh_token);
  expect(again.statusCode, again.body).toBe(200);
  expect((await me(again.json().access_token)).statusCode).toBe(200);
});

test('back: what was revoked stays so, and a lock holds for longer, not shorter', async () => {
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  await world.call('POST', '/logout', { token: access_token });
  for (let attempt = 0; attempt < 5; attempt++) await login(ada.email, 'wrong');
  world.deps.clock.advance(-HOUR);
  expect((await me(access_token)).statusCode).toBe(401);
  expectProblem(await login(ada.email, ada.password), 'too_many_attempts');
  world.deps.clock.advance(HOUR);
  expectProblem(await login(ada.email, ada.password), 'too_many_attempts');
  world.deps.clock.advance(900);
  expect((await login(ada.email, ada.password)).statusCode).toBe(200);
});

test('back: a code that was used is not good again', async () => {
  const ada = await person(world);
  const { access_token: token } = await logIn(world, ada);
  const { code } = await addTotp(world, token);
  world.deps.clock.advance(30);
  const answer = async () => {
    const { mfa_token } = (await login(ada.email, ada.password)).json();
    return world.call('POST', '/token/mfa', { body: { mfa_token, factor: 'totp', code: code() } });
  };
  expect((await answer()).statusCode).toBe(200);
  world.deps.clock.advance(10);
  world.deps.clock.advance(-10);
  expectProblem(await answer(), 'invalid_mfa_code');
  world.deps.clock.advance(30);
  expect((await answer()).statusCode).toBe(200);
});

test('back: a mailed link that was used or had been sent stays as it was', async () => {
  const ada = await person(world);
  await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const token = (await mailsTo(world, ada.email)).at(-1)?.secrets.token;
  const confirm = (password: string) =>
    world.call('POST', '/password-reset/confirm', {
      body: { token, new_password: password, confirm_new_password: password },
      ip: `203.0.113.${password.length}`,
    });
  world.deps.clock.advance(-HOUR);
  expect((await confirm('Entirely-other-7')).statusCode).toBe(200);
  expectProblem(await confirm('Yet-another-one-88'), 'invalid_reset_token');
  world.deps.clock.advance(HOUR);
});

test('back: a code that is texted from then on is the one that answers', async () => {
  const webhook = { url: 'http://127.0.0.1:9/', secret: 'sixteen bytes or more' };
  const texting = await testApp({ sms: { webhook } });
  try {
    const ada = await person(texting);
    const phone_number = '+254712345678';
    const enrol = async () => {
      const { access_token: token } = await logIn(texting, ada);
      const sent = await texting.call('POST', '/mfa/sms', { token, body: { phone_number } });
      expect(sent.statusCode, sent.body).toBe(202);
      return token;
    };
    await enrol();
    texting.deps.clock.advance(-HOUR);
    const token = await enrol();
    const code = (await mailsTo(texting, phone_number)).at(-1)?.secrets.code;
    const confirmed = await texting.call('POST', '/mfa/sms/confirm', { token, body: { code } });
    expect(confirmed.statusCode, confirmed.body).toBe(200);
  } finally {
    await texting.close();
  }
});

// Redis counts by a clock of its own, which no jump of ours moves.
test.skipIf(process.env.TEST_REDIS_URL !== undefined)(
  'back: the limiter holds nobody for longer than a window',
  async () => {
    const reset = () =>
      world.call('POST', '/password-reset/request', {
        body: { email: 'x@example.com' },
        ip: '198.51.100.99',
      });
    await reset();
    await reset();
    expectProblem(await reset(), 'rate_limited');
    world.deps.clock.advance(-HOUR);
    const { headers, statusCode } = await reset();
    if (statusCode === 429) expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
    world.deps.clock.advance(HOUR + 60);
    expect((await reset()).statusCode).toBe(200);
  },
);
